/* Finds the public key in an X.509 certificate in DER (RFC 5280 section 4.1): enough of it, and no more. */

const SEQUENCE = 0x30;
const VERSION = 0xa0;

/* The element at `at`: its tag, where its content begins, and where it ends. */
function element(der, at) {
  const tag = der[at];
  let length = der[at + 1];
  let content = at + 2;
  if (length & 0x80) {
    const count = length & 0x7f;
    if (count < 1 || count > 3) throw new Error("not DER");
    length = 0;
    for (const octet of der.subarray(content, content + count)) length = length * 256 + octet;
    content += count;
  }
  const end = content + length;
  if (!(end <= der.length)) throw new Error("not DER");
  return { tag, content, end };
}

/* The SubjectPublicKeyInfo of a certificate, in DER. */
export function publicKeyOf(der) {
  const certificate = element(der, 0);
  const signed = element(der, certificate.content); // TBSCertificate
  if (certificate.tag !== SEQUENCE || signed.tag !== SEQUENCE || certificate.end !== der.length) {
    throw new Error("no certificate");
  }
  let at = signed.content;
  if (element(der, at).tag === VERSION) at = element(der, at).end;
  // serialNumber, signature, issuer, validity, subject
  for (let passed = 0; passed < 5; passed += 1) at = element(der, at).end;
  const key = element(der, at);
  if (key.tag !== SEQUENCE || key.end > signed.end) throw new Error("no certificate");
  return der.slice(at, key.end);
}
