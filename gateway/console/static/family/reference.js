/* Takes the reference of an activation or a card out of the address: it is sent in the form alone, and stays in no history. */

const field = document.getElementById("reference");
const missing = document.getElementById("no-reference");

function take() {
  const reference = location.hash.slice(1);
  if (!/^[0-9a-f]{32}$/.test(reference)) return;
  field.value = reference;
  missing.hidden = true;
  history.replaceState(null, "", location.pathname);
}

take();
window.addEventListener("hashchange", take);
field.form.querySelector("button").disabled = false;
