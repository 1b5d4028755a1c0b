import { html, nothing, type TemplateResult } from "lit-html";
import { alertIcon, closeIcon, infoIcon } from "./icons";
import type { Notice } from "./wire";

/** What went wrong, or what is worth knowing, until it is dismissed or an edit succeeds. */
export function notices(notice: Notice | null, dismiss: () => void): TemplateResult | typeof nothing {
  if (!notice) return nothing;
  const error = notice.kind === "error";
  return html`<div class="notice ${notice.kind}">
    ${error ? alertIcon : infoIcon}<p role=${error ? "alert" : "status"}>${notice.text}</p>
    <button class="button quiet square" aria-label="Dismiss" @click=${dismiss}>${closeIcon}</button>
  </div>`;
}
