/**
 * A real broker behind TLS, SASL and ACLs: SCRAM users, KRaft's own authorizer, and doors that nobody should trust. The
 * plain door is the test's own, of the one who may do all.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import pino from 'pino'
import type { Acl, Operation } from '../../deploy/kafka/acls.ts'
import { freePorts, type Place, startLocalBroker } from '../../src/log/kafka/broker/local.ts'
import { kafkajs } from '../../src/log/kafka/kafkajs.ts'
import { type Authority, createAuthority } from './certificates.ts'

export const passwordOf = (user: string): string => `password-of-${user}-9f3c`

/** Doors of the broker: how it is meant, with client certificates, and with a certificate that is over or of a stranger. */
const doors = ['secure', 'mutual', 'expired', 'untrusted'] as const
type DoorName = (typeof doors)[number]

export interface SecuredBroker extends Readonly<Record<DoorName, string>> {
  /** Without TLS or login: may do all. */
  readonly plain: string
  readonly authority: Authority
  grant(user: string, acls: readonly Acl[]): Promise<void>
  stop(): Promise<void>
}

/** @param users who may log in by SCRAM-SHA-512, 256 or PLAIN, with `passwordOf` */
export async function startSecuredBroker(users: readonly string[]): Promise<SecuredBroker> {
  const authority = createAuthority()
  const stranger = createAuthority('stranger')
  const store = ({ certFile, keyFile }: { certFile: string; keyFile: string }): string => {
    const file = `${certFile}.store`
    writeFileSync(file, readFileSync(keyFile, 'utf8') + readFileSync(certFile, 'utf8'))
    return file
  }
  const stores: Readonly<Record<DoorName, string>> = {
    secure: store(authority.issue('broker')),
    mutual: store(authority.issue('mutual')),
    expired: store(authority.issue('expired', -1)),
    untrusted: store(stranger.issue('broker')),
  }
  const ports = await freePorts(doors.length)
  const broker = await startLocalBroker({
    logger: pino({ level: 'silent' }),
    properties: place => properties(place, ports, stores, authority.caFile, users),
    format: users.flatMap(user =>
      ['SCRAM-SHA-512', 'SCRAM-SHA-256'].flatMap(mechanism => [
        '--add-scram',
        `${mechanism}=[name=${user},password=${passwordOf(user)}]`,
      ]),
    ),
  })
  const plain = broker.brokers[0]
  const admin = new kafkajs.Kafka({ brokers: [plain], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const address = (door: DoorName) => `127.0.0.1:${ports[doors.indexOf(door)]}`
  return {
    plain,
    authority,
    secure: address('secure'),
    mutual: address('mutual'),
    expired: address('expired'),
    untrusted: address('untrusted'),
    async grant(user, acls) {
      await admin.createAcls({ acl: acls.flatMap(acl => acl.operations.map(each => entry(user, acl, each))) })
    },
    async stop() {
      await admin.disconnect()
      await broker.stop()
      authority.remove()
      stranger.remove()
    },
  }
}

function entry(user: string, { resource, name, pattern }: Acl, operation: Operation) {
  const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs
  const operations: Readonly<Record<Operation, number>> = {
    Read: AclOperationTypes.READ,
    Write: AclOperationTypes.WRITE,
    Create: AclOperationTypes.CREATE,
    Describe: AclOperationTypes.DESCRIBE,
    DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
  }
  return {
    resourceType: resource === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
    resourceName: name,
    resourcePatternType: pattern === 'literal' ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
    principal: `User:${user}`,
    host: '*',
    operation: operations[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }
}

function properties(
  { port, controllerPort }: Place,
  ports: readonly number[],
  stores: Readonly<Record<DoorName, string>>,
  caFile: string,
  users: readonly string[],
): Record<string, string> {
  const secured = doors.map((door, n) => `${door.toUpperCase()}://127.0.0.1:${ports[n]}`)
  const advertised = [`PLAINTEXT://127.0.0.1:${port}`, ...secured]
  const login = (mechanism: string, module: string, options = '') => ({
    [`listener.name.secure.${mechanism}.sasl.jaas.config`]: `org.apache.kafka.common.security.${module} required ${options};`,
  })
  return {
    listeners: [...advertised, `CONTROLLER://127.0.0.1:${controllerPort}`].join(','),
    'advertised.listeners': advertised.join(','),
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,EXPIRED:SSL,UNTRUSTED:SSL',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    ...Object.fromEntries(
      doors.flatMap(door => [
        [`listener.name.${door}.ssl.keystore.type`, 'PEM'],
        [`listener.name.${door}.ssl.keystore.location`, stores[door]],
      ]),
    ),
    'listener.name.mutual.ssl.truststore.type': 'PEM',
    'listener.name.mutual.ssl.truststore.location': caFile,
    'listener.name.mutual.ssl.client.auth': 'required',
    'ssl.principal.mapping.rules': 'RULE:^CN=(.*)$/$1/',
    ...login('plain', 'plain.PlainLoginModule', users.map(user => `user_${user}="${passwordOf(user)}"`).join(' ')),
    ...login('scram-sha-256', 'scram.ScramLoginModule'),
    ...login('scram-sha-512', 'scram.ScramLoginModule'),
    ...login('oauthbearer', 'oauthbearer.OAuthBearerLoginModule', 'unsecuredLoginStringClaim_sub="broker"'),
  }
}
