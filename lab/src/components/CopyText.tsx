/** Text to be copied: a command, a hash. */
import { useState } from "preact/hooks";
import { dictionary } from "../i18n/index.js";

const t = dictionary({ copy: "Copy", copied: "Copied" }, { copy: "复制", copied: "已复制" });

export function CopyText({ label, text }: { readonly label: string; readonly text: string }) {
  const [copied, setCopied] = useState<string>();
  return (
    <div class="copy-text">
      <span class="copy-label">{label}</span>
      <code>{text}</code>
      <button
        type="button"
        class="quiet no-print"
        aria-label={`${t("copy")}: ${label}`}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(text))}
      >
        <span aria-live="polite">{copied === text ? t("copied") : t("copy")}</span>
      </button>
    </div>
  );
}
