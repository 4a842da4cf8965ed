// A wallet that is not ours fetches a batch: @openid4vc/openid4vci drives the protocol, WebCrypto makes the keys.
// Task {offer, txCode, count} on standard input, result on standard output.
import { clientAuthenticationAnonymous } from '@openid4vc/oauth2'
import { Openid4vciClient, setGlobalConfig } from '@openid4vc/openid4vci'
import { createHash, randomBytes, webcrypto } from 'node:crypto'

setGlobalConfig({ allowInsecureUrls: true }) // the server is on loopback
const task = JSON.parse(await new Response(process.stdin).text())
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const privateKeys = new Map()

async function makeKey() {
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', pair.publicKey)
  privateKeys.set(x, pair.privateKey)
  return { method: 'jwk', alg: 'ES256', publicJwk: { kty, crv, x, y } }
}

async function signJwt(signer, { header, payload }) {
  const text = `${encode(header)}.${encode(payload)}`
  const key = privateKeys.get(signer.publicJwk.x)
  const signature = await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(text))
  return { jwt: `${text}.${Buffer.from(signature).toString('base64url')}`, signerJwk: signer.publicJwk }
}

const wallet = new Openid4vciClient({
  callbacks: {
    hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
    generateRandom: (count) => randomBytes(count),
    signJwt,
    clientAuthentication: clientAuthenticationAnonymous(),
  },
})

async function failure(promise) {
  try {
    await promise
    return 'granted'
  } catch (error) {
    const told = error.response?.credentialErrorResponseResult?.data ?? error.errorResponse
    return told?.error ?? String(error.message)
  }
}

const credentialOffer = await wallet.resolveCredentialOffer(task.offer)
const issuerMetadata = await wallet.resolveIssuerMetadata(credentialOffer.credential_issuer)
const [credentialConfigurationId] = credentialOffer.credential_configuration_ids
const dpop = { signer: await makeKey() }
const redeem = (txCode) =>
  wallet.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode, dpop })

const wrongDigits = await failure(redeem(String((Number(task.txCode) + 1) % 1e6).padStart(6, '0')))
const token = await redeem(task.txCode)
const replayed = await failure(redeem(task.txCode))
const accessToken = token.accessTokenResponse.access_token

async function proofs(signers, nonce) {
  const made = []
  for (const signer of signers) {
    const { jwt } = await wallet.createCredentialRequestJwtProof({
      issuerMetadata, credentialConfigurationId, signer, nonce, issuedAt: new Date(),
    })
    made.push(jwt)
  }
  return { jwt: made }
}

const fetchBatch = (given) =>
  wallet.retrieveCredentials({ accessToken, issuerMetadata, credentialConfigurationId, proofs: given, dpop: token.dpop })

const signers = await Promise.all(Array.from({ length: task.count }, makeKey))
const foreignNonce = await failure(fetchBatch(await proofs(signers, 'made-up')))
const { c_nonce: nonce } = await wallet.requestNonce({ issuerMetadata })
const batch = await fetchBatch(await proofs(signers, nonce))
await wallet.sendNotification({
  issuerMetadata,
  accessToken,
  dpop: token.dpop,
  notification: { event: 'credential_accepted', notificationId: batch.credentialResponse.notification_id },
})
console.log(JSON.stringify({
  version: issuerMetadata.originalDraftVersion,
  tokenType: token.accessTokenResponse.token_type,
  refused: { wrongDigits, replayed, foreignNonce },
  credentials: batch.credentialResponse.credentials.map((one) => one.credential),
  keys: signers.map((one) => one.publicJwk),
}))
