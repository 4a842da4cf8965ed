/* JWE in compact form for the key of one request: ECDH-ES and A256GCM (RFC 7518 sections 4.6 and 5.3). */

import { concat, encode, encodeJson, utf8 } from "./bytes.js";

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const ENCRYPTION = "A256GCM";
const BITS = 256;

const number = (value) => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
const counted = (octets) => concat(number(octets.length), octets);

/* Returns `members` as only the holder of `jwk` can read them. */
export async function encrypt(members, jwk) {
  if (jwk.kty !== "EC" || jwk.crv !== "P-256" || jwk.alg !== "ECDH-ES") throw new Error("another key agreement");
  const { kty, crv, x, y } = jwk;
  const theirs = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, CURVE, false, []);
  const ours = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const point = await crypto.subtle.exportKey("jwk", ours.publicKey);
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, ours.privateKey, BITS));
  const header = encodeJson({
    alg: "ECDH-ES",
    enc: ENCRYPTION,
    kid: jwk.kid,
    epk: { kty: point.kty, crv: point.crv, x: point.x, y: point.y },
  });
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const key = await crypto.subtle.importKey("raw", await derive(shared), "AES-GCM", false, ["encrypt"]);
  const algorithm = { name: "AES-GCM", iv, additionalData: utf8(header), tagLength: 128 };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, utf8(JSON.stringify(members))));
  const tag = sealed.length - 16;
  // The encrypted key is empty: the agreed key is used itself.
  return [header, "", encode(iv), encode(sealed.subarray(0, tag)), encode(sealed.subarray(tag))].join(".");
}

/* Concat KDF, one round of SHA-256; PartyUInfo and PartyVInfo are empty, as the header has no apu and apv. */
async function derive(shared) {
  const none = number(0);
  const info = concat(counted(utf8(ENCRYPTION)), none, none, number(BITS));
  return crypto.subtle.digest("SHA-256", concat(number(1), shared, info));
}
