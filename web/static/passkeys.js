// Forms that need a passkey: the service says what is to be signed, the browser asks the person, the answer goes with the form.
"use strict";
(() => {
  const plain = (fields) => { const copy = new FormData(fields); copy.delete("answer"); return new URLSearchParams(copy); };

  const options = async (form) => {
    const headers = { Accept: "application/json" };
    const answer = await fetch(form.dataset.options, { method: "POST", headers, body: plain(form) });
    const told = await answer.json();
    if (answer.ok) return told;
    throw new Error([told.detail, told.hint].filter(Boolean).join(". "));
  };

  const signed = async (form) => {
    if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
      throw new Error(window.isSecureContext ? "This browser is too old for passkeys." : "Passkeys need https, or localhost.");
    }
    const told = await options(form);
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(told) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(told) });
    return JSON.stringify(credential.toJSON());
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-passkey]");
    if (!form || form.elements.answer.value) return;
    event.preventDefault();
    const said = form.querySelector("[data-said]");
    said.hidden = true;
    try {
      form.elements.answer.value = await signed(form);
      form.requestSubmit();
    } catch (fault) {
      said.textContent = fault.message;
      said.hidden = false;
    }
  });
})();
