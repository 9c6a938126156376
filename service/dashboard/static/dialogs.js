// Asking before something is done, and telling what became of it.
const TOLD_FOR = 8000;

/**
 * Asks in the page's one dialog. `list`: lines beneath the text; `reason`: asks for one, which must be given.
 * Resolves to null where it was put away, else to the reason ("" where none was asked for).
 */
export function ask({ title, text, list = [], confirm, danger = false, reason = false }) {
  const dialog = document.getElementById("ask");
  const [field, input] = [dialog.querySelector("[data-ask=field]"), dialog.querySelector("input[name=reason]")];
  const back = dialog.querySelector("[data-ask=back]");
  const go = dialog.querySelector("button[value=confirm]");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("[data-ask=text]").textContent = text;
  dialog.querySelector("[data-ask=list]").replaceChildren(...list.map((line) => element("li", line)));
  field.hidden = !reason;
  input.required = reason;
  input.value = "";
  go.textContent = confirm ?? "";
  go.hidden = !confirm;
  go.classList.toggle("danger", danger);
  dialog.returnValue = "";
  dialog.showModal();
  back.onclick = () => dialog.close("");
  (reason ? input : go.hidden ? back : go).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirm" ? input.value.trim() : null), { once: true });
  });
}

/** In the corner for some seconds, and to screen readers. */
export function tell(text, kind = "good") {
  const toast = element("p", text);
  toast.className = `toast ${kind}`;
  document.querySelector(".toasts").append(toast);
  setTimeout(() => toast.remove(), TOLD_FOR);
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
