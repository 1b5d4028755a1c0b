import { html, nothing, type TemplateResult } from "lit-html";
import { alertIcon, closeIcon, infoIcon } from "./icons";
import type { Notice } from "./wire";

/** What went wrong, or what is worth knowing, until it is dismissed or an edit succeeds. */
export function notices(notice: Notice | null, dismiss: () => void, refresh: () => void): TemplateResult | typeof nothing {
  if (!notice) return nothing;
  const error = notice.kind === "error";
  return html`<div class="notice ${notice.kind}">
    ${error ? alertIcon : infoIcon}<p role=${error ? "alert" : "status"}>${notice.text}</p>
    ${notice.refresh ? html`<button class="button" title="Measure, score and draw the model as it is" @click=${refresh}>Refresh</button>` : nothing}
    <button class="button quiet square" aria-label="Dismiss" @click=${dismiss}>${closeIcon}</button>
  </div>`;
}
