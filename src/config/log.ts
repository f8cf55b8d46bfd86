/** The log: its brokers, the registry, the topics, and how a stage steps over them. */
import { z } from 'zod'
import { brokerAddress, clientTls, plainUrl, sasl } from '../security.ts'
import { hour, minute, ms, second } from './units.ts'

export const kafka = z
  .strictObject({
    brokers: z
      .array(z.string().regex(brokerAddress, { error: 'must be host:port, without a scheme or a login' }))
      .default([])
      .describe('Bootstrap brokers, `host:port`.'),
    clientId: z.string().default('feedloop').describe('Client id that brokers log.'),
    ssl: z.boolean().default(false).describe('Encrypt connections, with the authorities that Node trusts.'),
    tls: clientTls.optional().describe('Encrypt connections, with authorities or a certificate of your own.'),
    sasl: sasl.optional().describe('How to log in; none: as nobody, or by the certificate.'),
  })
  .prefault({})

export const registry = z
  .strictObject({
    url: plainUrl('Confluent schema registry; none: Avro single-object encoding.').optional(),
    username: z.string().optional().describe('User, where the registry asks for one (HTTP basic).'),
    passwordFile: z.string().optional().describe('File that holds the password.'),
    tokenFile: z.string().optional().describe('File that holds a bearer token, instead of a user.'),
    tls: clientTls.optional().describe('Authorities or a certificate of your own, for an https URL.'),
  })
  .refine(({ username, passwordFile }) => (username === undefined) === (passwordFile === undefined), {
    error: 'username and passwordFile go together',
  })
  .refine(({ username, tokenFile }) => username === undefined || tokenFile === undefined, {
    error: 'either a user or a token',
  })
  .prefault({})

export const topics = z
  .strictObject({
    prefix: z.string().default('feedloop.').describe('Prefix of every topic and consumer group.'),
    partitions: z.number().int().min(1).max(1024).default(4).describe('Partitions of all per-user topics.'),
    replicationFactor: z.number().int().min(1).default(1).describe('Replicas of every topic; 3 in production.'),
    minInsyncReplicas: z.number().int().min(1).default(1).describe('`min.insync.replicas`; 2 in production.'),
    retentionHours: z
      .number()
      .positive()
      .optional()
      .describe(
        'Retention of `delete` topics where it is longer than that of src/pipeline.ts (7 days, dead letters 28); it shortens none.',
      ),
  })
  .prefault({})

export const step = z
  .strictObject({
    intervalMs: ms(25).describe('At least this long from the start of one step to the start of the next.'),
    maxRecords: z.number().int().positive().default(2000).describe('Input records of one step.'),
    maxBytes: z.number().int().positive().default(900_000).describe('Bytes of one step, under `max.message.bytes`.'),
    progressMs: ms(5 * second).describe(
      'While inputs progress without output, a batch that only carries progress at least this often.',
    ),
    idleMs: z
      .number()
      .int()
      .min(100)
      .default(5 * second)
      .describe('An input that was read to its end and had no record for this long does not hold the watermark back.'),
  })
  .prefault({})

export const limits = z
  .strictObject({
    futureSkewMs: ms(5 * minute).describe(
      'An event time further ahead of the clock than this goes to the dead letters.',
    ),
    requestDedupMs: ms(hour).describe(
      'Decided request ids are remembered this long, in memory, by ranker and gateway; a repeat that comes later is decided anew.',
    ),
    maxCandidates: z
      .number()
      .int()
      .positive()
      .default(1000)
      .describe('Candidates of one decision; the rest are left out.'),
    maxSlots: z.number().int().positive().default(50).describe('Slots of one slate.'),
    maxValue: z
      .number()
      .positive()
      .default(1e9)
      .describe(
        "An event's own value further from 0 goes to the dead letters: beside an absurd one the others would be lost in rounding.",
      ),
  })
  .prefault({})
