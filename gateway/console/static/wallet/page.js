/* What the page shows: one state at a time. Texts go in as text, never as markup. */

import { day, labelOf, named, valueOf } from "./words.js";

const STATES = ["busy", "message", "empty", "offer", "consent", "home"];

export const at = (id) => document.getElementById(id);

export function show(state) {
  for (const one of STATES) at(one).hidden = one !== state;
  at("delete-sure").hidden = true;
}

export function put(id, text) {
  at(id).textContent = text ?? "";
}

/* A text with its English, in an element that is hidden when there is none. */
export function warn(id, told) {
  at(id).hidden = told === null;
  put(id, told === null ? "" : `${told.zh} ${told.en}`);
}

export function tell(tone, zh, en) {
  at("message").className = `card outcome ${tone}`;
  put("message-zh", zh);
  put("message-en", en);
  show("message");
}

function make(tag, text, ...children) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.append(...children);
  return made;
}

function english(text) {
  const made = make("span", text);
  made.className = "en";
  made.lang = "en";
  return made;
}

function row(label, value) {
  return make("div", "", make("dt", `${label.zh} `, english(label.en)), make("dd", value));
}

/* What will be shown, one row for each claim; a claim that is not there is said to be missing. */
export function fillClaims(list, names, claims) {
  const value = (name) => (claims.has(name) ? valueOf(name, claims.get(name)) : "—");
  list.replaceChildren(...names.map((name) => row(labelOf(name), value(name))));
}

/* The batches that are held, each with the number of credentials left and what they can prove. */
export function fillHome(held) {
  at("batches").replaceChildren(
    ...held.map(({ batch, count, claims }) => {
      const title = named(batch.display);
      const left = make("p", `${count} 份 `, english(`${count} left, one for each use`));
      left.className = "left";
      const list = make("dl", "");
      list.className = "claims";
      fillClaims(list, [...claims.keys()], claims);
      const until = row({ zh: "有效期至", en: "Valid until" }, day(batch.expires));
      const card = make("section", "");
      card.className = "card";
      const hint = make("p", "一次性凭证，每次出示用去一份；出示前由您选择是否同意。");
      hint.className = "hint";
      card.append(
        make("h2", `${title.zh} `, english(title.en)),
        left,
        hint,
        make("h3", "可以证明 ", english("Can prove")),
        list,
        make("dl", "", until),
      );
      return card;
    }),
  );
}
