/* Keys on P-256 and what they sign (ES256). Private keys cannot be exported: not by this program either. */

import { decode, encode, encodeJson, utf8 } from "./bytes.js";

const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

export const makeKey = () => crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);

export async function publicJwk(pair) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { kty, crv, x, y };
}

/* A JWS in compact form (RFC 7515 section 7.1). */
export async function sign(header, payload, pair) {
  const signed = `${encodeJson({ alg: "ES256", ...header })}.${encodeJson(payload)}`;
  return `${signed}.${encode(await crypto.subtle.sign(SIGNATURE, pair.privateKey, utf8(signed)))}`;
}

export const importJwk = ({ kty, crv, x, y }) =>
  crypto.subtle.importKey("jwk", { kty, crv, x, y }, CURVE, true, ["verify"]);

export const importSpki = (der) => crypto.subtle.importKey("spki", der, CURVE, true, ["verify"]);

export async function verify(compact, key) {
  const [header, payload, signature, ...more] = compact.split(".");
  if (more.length || !signature) return false;
  return crypto.subtle.verify(SIGNATURE, key, decode(signature), utf8(`${header}.${payload}`));
}
