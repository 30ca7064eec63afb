/** The frame around each page: where one is, where one can go, language, theme. */
import { useEffect, useRef } from "preact/hooks";
import { dictionary, LANGUAGES, type Language, language } from "./i18n/index.js";
import { PAGES, pageOf } from "./pages/index.js";
import { addressOf, pageName } from "./router.js";
import { switchTheme, theme } from "./theme.js";

const t = dictionary(
  {
    skip: "Skip to the page",
    pages: "Pages",
    language: "Language",
    toDark: "Dark",
    toLight: "Light",
    title: "{page} · cbapd lab",
  },
  {
    skip: "跳到正文",
    pages: "页面",
    language: "语言",
    toDark: "深色",
    toLight: "浅色",
    title: "{page} · cbapd 实验室",
  },
);

export function App() {
  const page = pageOf(pageName.value);
  const main = useRef<HTMLElement>(null);
  const title = page.title();
  useEffect(() => {
    document.title = t("title", { page: title });
  }, [title]);
  const { Page } = page;
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {t("skip")}
      </button>
      <header class="frame">
        <a class="wordmark" href={addressOf(PAGES[0].name)}>
          <span class="mark" aria-hidden="true" />
          cbapd lab
        </a>
        <nav aria-label={t("pages")}>
          <ul>
            {PAGES.map(({ name, title }) => (
              <li key={name}>
                <a href={addressOf(name)} aria-current={name === page.name ? "page" : undefined}>
                  {title()}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="frame-end">
          <select
            aria-label={t("language")}
            value={language.value}
            onChange={({ currentTarget }) => {
              language.value = currentTarget.value as Language;
            }}
          >
            {Object.entries(LANGUAGES).map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
          <button type="button" class="quiet" onClick={switchTheme}>
            {theme.value === "dark" ? t("toLight") : t("toDark")}
          </button>
        </div>
      </header>
      <main ref={main} id="main" tabIndex={-1} key={page.name}>
        <Page />
      </main>
    </>
  );
}
