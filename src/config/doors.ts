/** HTTP: the operator's door and the callers'. */
import { z } from 'zod'
import { topics } from '../pipeline.ts'
import { doorFields, plainUrl } from '../security.ts'
import { second } from './units.ts'

export const http = z
  .strictObject({
    host: z
      .string()
      .default('0.0.0.0')
      .describe("Address of the operator's door: /livez, /readyz, /metrics, of a ranker /v1/users/{id}/state."),
    port: z.number().int().min(0).max(65535).default(9464).describe('Its port; 0: any free one.'),
    ...doorFields,
    openProbes: z
      .boolean()
      .default(true)
      .describe(
        'Whether /livez and /readyz answer everybody, with no more than their status: a kubelet has neither token nor certificate.',
      ),
  })
  .prefault({})

export const gateway = z
  .strictObject({
    host: z.string().default('0.0.0.0').describe("Address of the callers' door: /v1/…, /openapi.json."),
    port: z.number().int().min(0).max(65535).default(8080).describe('Its port; 0: any free one.'),
    ...doorFields,
    timeoutMs: z
      .number()
      .int()
      .positive()
      .default(second)
      .describe('How long a caller waits who names no `timeout_ms`; then 504.'),
    maxTimeoutMs: z
      .number()
      .int()
      .positive()
      .max(15 * second)
      .default(10 * second)
      .describe('Longest wait of any caller, whatever it asks for; well within what a process has to drain.'),
    defer: z
      .boolean()
      .default(true)
      .describe(
        'A decision counts once its answer was handed to the socket: what nobody got is never learned. Off: it counts as soon as it is made.',
      ),
    unlogged: z
      .enum(['refuse', 'baseline'])
      .default('refuse')
      .describe(
        "Log away: `refuse` with 503, or answer with the request's own `baseline`, marked `logged: false` and never learned.",
      ),
    maxWaiting: z
      .number()
      .int()
      .positive()
      .default(10_000)
      .describe('Calls that wait at a time; more are refused with 503.'),
    maxBodyBytes: z
      .number()
      .int()
      .positive()
      .max(topics.requests.maxBatchBytes)
      .default(1 << 20)
      .describe('Largest body of a call.'),
    rankers: z
      .array(plainUrl('One of them.'))
      .default([])
      .describe(
        "Operator's doors of the rankers, `http://host:9464`, to ask for a user's state; a name that stands for several machines is asked at each. None: the one of this process.",
      ),
    maxEvents: z.number().int().positive().default(1000).describe('Events, or items, of one call.'),
  })
  .prefault({})
