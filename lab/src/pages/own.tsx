/** Own image, own network. */
import { useEffect, useState } from "preact/hooks";
import { followSetup } from "../training.js";
import { Drawing, filled } from "./own/Drawing.js";
import { Editor } from "./own/Editor.js";
import "./own/own.css";
import { Verdict } from "./own/Verdict.js";
import { t } from "./own/words.js";
import type { Page } from "./page.js";

/** Lives as long as the lab: going to another page and back keeps the drawing. */
let kept = filled("blue");

function Own() {
  useEffect(followSetup, []);
  const [pixels, setPixels] = useState(kept);
  const change = (next: Uint8Array) => {
    kept = next;
    setPixels(next);
  };
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p>{t("about")}</p>
      </div>
      <div class="columns">
        <section class="panel picture-panel">
          <h2>{t("picture")}</h2>
          <Drawing pixels={pixels} onChange={change} />
          <Verdict pixels={pixels} />
        </section>
        <Editor />
      </div>
    </>
  );
}

export const ownPage: Page = { name: "own", title: () => t("title"), Page: Own };
