// Before many emails are sent, the number of recipients has to be typed.

const typed = document.querySelector("[data-must-be]");

if (typed) {
  const send = typed.form.querySelector(".send-button");
  const compare = () => {
    const fits = typed.value.replace(/\D/g, "") === typed.dataset.mustBe;
    if (!typed.closest("fieldset").disabled) send.disabled = !fits;
  };
  typed.addEventListener("input", compare);
  window.addEventListener("pageshow", compare);
  compare();
}
