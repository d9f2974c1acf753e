// Passkeys: the browser is asked here, and what it says is checked at the server. Everything else at the sign-in works without this.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const listed = (keys) => (keys || []).map((key) => ({ ...key, id: bytes(key.id) }));

  const create = async (asked) => {
    const user = { ...asked.user, id: bytes(asked.user.id) };
    const publicKey = { ...asked, user, challenge: bytes(asked.challenge), excludeCredentials: listed(asked.excludeCredentials) };
    const made = await navigator.credentials.create({ publicKey });
    const response = { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON) };
    return { id: made.id, rawId: text(made.rawId), type: made.type, response, extensions: {} };
  };

  const get = async (asked) => {
    const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: listed(asked.allowCredentials) };
    const found = await navigator.credentials.get({ publicKey });
    const { authenticatorData, clientDataJSON, signature, userHandle } = found.response;
    const response = { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature) };
    if (userHandle) response.userHandle = text(userHandle);
    return { id: found.id, rawId: text(found.rawId), type: found.type, response, extensions: {} };
  };

  const asks = async (form) => {
    const wrong = form.querySelector("[data-wrong]");
    wrong.hidden = true;
    const answer = await fetch(form.dataset.ask, { method: "POST", headers: { "hx-request": "true" } });
    if (!answer.ok) throw new Error("The server did not ask for a passkey. Reload the page and try again.");
    const asked = await answer.json();
    try {
      form.elements.credential.value = JSON.stringify(await (form.dataset.passkey === "create" ? create(asked) : get(asked)));
    } catch (error) {
      const known = error.name === "InvalidStateError";
      throw new Error(known ? "This device has a passkey of yours already." : "The browser gave no passkey: it was cancelled, took too long, or there is none here.");
    }
    form.submit();
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      asks(form).catch((error) => {
        const wrong = form.querySelector("[data-wrong]");
        wrong.textContent = error.message;
        wrong.hidden = false;
        button.disabled = false;
      });
    });
  }
})();
