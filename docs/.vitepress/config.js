import { defineConfig } from "vitepress";
import { outsideLinks } from "./outsideLinks.js";
import { nav, sidebar } from "./sidebar.js";

/** As GitHub makes anchors, so that a link leads to the same place there and here. */
const slug = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");

export default defineConfig({
  title: "cbapd",
  description: "Train convolutional networks without a GPU: WebAssembly SIMD, the same bits every time.",
  srcExclude: ["README.md", "node_modules/**"],
  cleanUrls: false,
  // Relative to where it is opened from: DOCS_BASE=/cbapd/ for a folder of a server.
  base: process.env.DOCS_BASE ?? "/",
  lastUpdated: false,
  markdown: {
    attrs: { disable: true },
    anchor: { slugify: slug },
    headers: { slugify: slug },
    toc: { slugify: slug },
    config: (md) => md.use(outsideLinks),
    theme: { light: "github-light", dark: "github-dark" },
  },
  themeConfig: {
    search: {
      provider: "local",
      options: {
        locales: {
          zh: {
            translations: {
              button: { buttonText: "搜索", buttonAriaLabel: "搜索" },
              modal: {
                noResultsText: "没有结果",
                resetButtonTitle: "清除",
                footer: { selectText: "选择", navigateText: "切换", closeText: "关闭" },
              },
            },
          },
        },
      },
    },
    outline: [2, 3],
    i18nRouting: false, // only the tutorial is in both languages; its pages link to each other
  },
  locales: {
    root: { label: "English", lang: "en", themeConfig: { nav: nav("en"), sidebar: sidebar("en") } },
    zh: {
      label: "简体中文",
      lang: "zh-CN",
      description: "没有 GPU 也能训练卷积网络：WebAssembly SIMD，每次结果逐位相同。",
      themeConfig: {
        nav: nav("zh"),
        sidebar: sidebar("zh"),
        outline: { label: "本页内容", level: [2, 3] },
        docFooter: { prev: "上一页", next: "下一页" },
        darkModeSwitchLabel: "外观",
        sidebarMenuLabel: "目录",
        returnToTopLabel: "回到顶部",
        langMenuLabel: "语言",
      },
    },
  },
});
