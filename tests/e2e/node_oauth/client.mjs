// Drives the OAuth endpoints with openid-client, as a third party would. Arguments on standard input, result on
// standard output, both JSON.
import * as client from 'openid-client'

const { issuer, clientId, jwk, scope } = JSON.parse(await new Response(process.stdin).text())
const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])

async function connect(modify) {
  return client.discovery(new URL(issuer), clientId, undefined,
    client.PrivateKeyJwt({ key, kid: jwk.kid }, modify && { [client.modifyAssertion]: modify }),
    { algorithm: 'oauth2', execute: [client.allowInsecureRequests] })
}

async function refused(modify, wanted = scope) {
  try {
    await client.clientCredentialsGrant(await connect(modify), { scope: wanted })
    return 'granted'
  } catch (error) {
    return error.error ?? String(error)
  }
}

const config = await connect()
const token = await client.clientCredentialsGrant(config, { scope })
const active = await client.tokenIntrospection(config, token.access_token)
await client.tokenRevocation(config, token.access_token)
const revoked = await client.tokenIntrospection(config, token.access_token)
const jti = crypto.randomUUID()
const replay = (_header, payload) => { payload.jti = jti }

console.log(JSON.stringify({
  token_type: token.token_type,
  expires_in: token.expires_in,
  scope: token.scope,
  active: active.active,
  client_id: active.client_id,
  revoked: revoked.active,
  first_use: await refused(replay),
  refused: {
    replayed: await refused(replay),
    audience: await refused((_header, payload) => { payload.aud = 'https://evil.example' }),
    audiences: await refused((_header, payload) => { payload.aud = [issuer, 'https://evil.example'] }),
    far: await refused((_header, payload) => { payload.exp = payload.iat + 3600 }),
    no_jti: await refused((_header, payload) => { delete payload.jti }),
    another: await refused((_header, payload) => { payload.sub = 'cl-nobody'; payload.iss = 'cl-nobody' }),
  },
  scope_excess: await refused(undefined, 'inspector'),
  second_token: (await client.clientCredentialsGrant(config, { scope })).access_token,
}))
