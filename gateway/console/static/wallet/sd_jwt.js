/* SD-JWT from the holder's side (RFC 9901 section 7.2). */

import { decodeJson, digest, encode, utf8 } from "./bytes.js";
import { sign } from "./keys.js";

export function split(credential) {
  const [issuerJwt, ...rest] = credential.split("~");
  if (rest.pop() !== "") throw new Error("has a key binding");
  return { issuerJwt, disclosures: rest };
}

export const payloadOf = (credential) => decodeJson(split(credential).issuerJwt.split(".")[1]);

/* The claims that a credential can disclose, by name. */
export function claimsOf(credential) {
  const found = new Map();
  for (const coded of split(credential).disclosures) {
    const [, name, value] = decodeJson(coded);
    found.set(name, value);
  }
  return found;
}

/* Says whether each disclosure is one that the issuer signed the digest of. */
export async function isWhole(credential) {
  const signed = new Set(payloadOf(credential)._sd ?? []);
  const found = await Promise.all(split(credential).disclosures.map(async (one) => encode(await digest(utf8(one)))));
  return found.every((one) => signed.has(one));
}

/* The presentation of exactly the claims named. */
export async function present(credential, names, key, { audience, nonce, iat }) {
  const { issuerJwt, disclosures } = split(credential);
  // Steps 1 to 3: the chosen disclosures, in the order of the credential.
  const chosen = disclosures.filter((coded) => names.includes(decodeJson(coded)[1]));
  if (chosen.length !== names.length) throw new Error("a claim is missing");
  const shown = [issuerJwt, ...chosen, ""].join("~");
  // Steps 4 and 5: the Key Binding JWT over what is shown (section 4.3).
  const payload = { iat, aud: audience, nonce, sd_hash: encode(await digest(utf8(shown))) };
  return shown + (await sign({ typ: "kb+jwt" }, payload, key));
}
