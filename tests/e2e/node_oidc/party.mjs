// A relying party that is not ours: openid-client, unmodified. The first line on standard input is the task; each
// further line is a step, and its result is a line on standard output. All of it is JSON.
import * as client from 'openid-client'
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const task = await read()
const key = await crypto.subtle.importKey('jwk', task.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const config = await client.discovery(new URL(task.issuer), task.clientId, undefined,
  client.PrivateKeyJwt({ key, kid: task.jwk.kid }),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] })
const DPoP = task.dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : undefined
const held = {}

const steps = {
  async authorize({ parameters }) {
    held.verifier = client.randomPKCECodeVerifier()
    held.state = client.randomState()
    held.nonce = client.randomNonce()
    const asked = {
      redirect_uri: task.redirectUri,
      scope: 'openid',
      code_challenge: await client.calculatePKCECodeChallenge(held.verifier),
      code_challenge_method: 'S256',
      state: held.state,
      nonce: held.nonce,
      ...parameters,
    }
    return { url: (await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP })).href }
  },
  async callback({ url, maxAge }) {
    const checks = { pkceCodeVerifier: held.verifier, expectedState: held.state, expectedNonce: held.nonce, maxAge }
    held.tokens = await client.authorizationCodeGrant(config, new URL(url), checks, undefined, { DPoP })
    const { token_type, expires_in, scope } = held.tokens
    return { token_type, expires_in, scope, claims: held.tokens.claims() }
  },
  async userinfo() {
    return { claims: await client.fetchUserInfo(config, held.tokens.access_token, held.tokens.claims().sub, { DPoP }) }
  },
  async revoke() {
    await client.tokenRevocation(config, held.tokens.access_token)
    return {}
  },
  async logout() {
    held.goodbye = client.randomState()
    const asked = { post_logout_redirect_uri: task.afterUri, id_token_hint: held.tokens.id_token, state: held.goodbye }
    return { url: client.buildEndSessionUrl(config, asked).href, state: held.goodbye }
  },
  async metadata() {
    return { metadata: config.serverMetadata() }
  },
}

for (let step = await read(); step.step !== 'end'; step = await read()) {
  let result
  try {
    result = await steps[step.step](step)
  } catch (error) {
    const status = error.status ?? error.response?.status ?? error.cause?.status ?? null
    result = { error: error.error ?? error.cause?.[0]?.parameters?.error ?? error.code ?? String(error), status }
  }
  console.log(JSON.stringify(result))
}
process.exit(0)
