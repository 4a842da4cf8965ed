/* Passkeys (W3C Web Authentication): a form with data-passkey fetches its options, lets the browser ask the person,
   puts the answer into its field `credential` and is sent like any form. */

import { decode, encode } from "../wallet/bytes.js";

const said = ["cancelled", "known", "missing", "refused"];

function say(what) {
  for (const one of said) {
    const line = document.getElementById(`passkey-${one}`);
    if (line) line.hidden = one !== what;
  }
}

const listed = (found) => (found ?? []).map((one) => ({ ...one, id: decode(one.id) }));

function creation(options) {
  return {
    ...options,
    challenge: decode(options.challenge),
    user: { ...options.user, id: decode(options.user.id) },
    excludeCredentials: listed(options.excludeCredentials),
  };
}

function request(options) {
  return { ...options, challenge: decode(options.challenge), allowCredentials: listed(options.allowCredentials) };
}

function answer(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: encode(credential.rawId), type: credential.type, response });
}

async function begin(form) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value });
  const found = await fetch(form.dataset.options, { method: "POST", body, redirect: "error", credentials: "same-origin" });
  if (!found.ok) throw new Error("refused");
  return found.json();
}

async function perform(form) {
  if (!window.PublicKeyCredential) {
    say("missing");
    return;
  }
  let options;
  try {
    options = await begin(form);
  } catch {
    say("refused");
    return;
  }
  try {
    const credential =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: creation(options) })
        : await navigator.credentials.get({ publicKey: request(options) });
    form.elements.credential.value = answer(credential);
  } catch (error) {
    say(error.name === "InvalidStateError" ? "known" : "cancelled");
    return;
  }
  form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    const button = form.querySelector("button");
    button.disabled = true;
    await perform(form);
    button.disabled = false;
  });
  form.querySelector("button").disabled = false;
}
