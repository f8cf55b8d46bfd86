/** How a running loop is watched. */
import { z } from 'zod'
import { plainUrl } from '../security.ts'
import { ms } from './units.ts'

export const heartbeat = z
  .strictObject({
    everyMs: ms(0).describe(
      'From one heartbeat to the next, sent by `feedloop watch` to every partition through the whole loop, under a policy of its own (`heartbeat`, with a partition of `models`); 0: none, and no such policy.',
    ),
  })
  .prefault({})

export const tracing = z
  .strictObject({
    endpoint: plainUrl(
      "Where spans go: a collector's OTLP over HTTP, `http://collector:4318/v1/traces`. None: no tracing, at no cost.",
    ).optional(),
    tokenFile: z.string().min(1).optional().describe('File that holds a bearer token for it.'),
    ratio: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Share of calls that are traced; of one that comes with a `traceparent` its caller has decided.'),
  })
  .prefault({})

export const log = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('Least severe line that is logged.'),
  })
  .prefault({})
