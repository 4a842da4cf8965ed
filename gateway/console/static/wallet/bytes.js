/* Octets as base64url, text and digests. */

export const utf8 = (text) => new TextEncoder().encode(text);
export const text = (octets) => new TextDecoder("utf-8", { fatal: true }).decode(octets);

/* Base64url without padding (RFC 7515 section 2). */
export function encode(octets) {
  let binary = "";
  for (const octet of new Uint8Array(octets)) binary += String.fromCharCode(octet);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function decode(coded) {
  if (!/^[\w-]*$/.test(coded)) throw new Error("not base64url");
  return decodeBase64(coded.replaceAll("-", "+").replaceAll("_", "/"));
}

export const decodeBase64 = (coded) => Uint8Array.from(atob(coded), (one) => one.charCodeAt(0));
export const encodeJson = (value) => encode(utf8(JSON.stringify(value)));
export const decodeJson = (coded) => JSON.parse(text(decode(coded)));
export const digest = async (octets) => new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
export const random = (count) => encode(crypto.getRandomValues(new Uint8Array(count)));

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
