import "./styles/theme.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/components.css";
import "./styles/print.css";
import { render } from "preact";
import { App } from "./app.js";
import { meetEngine } from "./training.js";

void meetEngine();
// Where there is none (a page over plain http), the lab needs its server.
if (import.meta.env.PROD) navigator.serviceWorker?.register("./offline.js").catch(() => {});
render(<App />, document.getElementById("app")!);
