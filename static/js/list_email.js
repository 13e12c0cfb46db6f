// The form of an email that a list sends automatically.
import { LivePreview } from "./live_preview.js";

const subject = document.getElementById("list-email-subject");
new LivePreview(
  document.getElementById("list-email-form"),
  document.getElementById("live-frame"),
  document.getElementById("live-warnings"),
  (answer) => { if (answer.subject) subject.textContent = answer.subject; },
);
