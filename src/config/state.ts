/** What people and items are to a policy: states and vectors. */
import { z } from 'zod'
import { hasNoPassword, passwordInUrl } from '../security.ts'
import { inheritsNothing, minute, ms, second } from './units.ts'

export const state = z
  .strictObject({
    folder: z
      .string()
      .default('')
      .describe(
        "Folder of this process for state on disk, beyond memory and across restarts: the joiner's open joins, the ranker's users, what learners keep for replay. None: in memory; replay then begins anew; at every start the joiner's is rebuilt from the topics, the ranker's from `snapshots` and what came after them.",
      ),
    cacheBytes: z
      .number()
      .int()
      .positive()
      .default(8 << 20)
      .describe(
        'With a folder: hot values kept on the heap, counted as their bytes on disk, all partitions together; the heap takes about three times as much, and rows that wait to be written to their places five times, outside of the heap.',
      ),
    snapshotMs: ms(minute).describe(
      'A user whose state has changed is written to `snapshots` so long after the first change, ms: what a machine that takes the partition over replays is about as long.',
    ),
    historyLength: z
      .number()
      .int()
      .min(0)
      .max(500)
      .default(50)
      .describe('Interactions of a user that the state keeps.'),
    typeWeights: z
      .record(z.string(), z.number())
      .default({ view: 1, click: 1, purchase: 1, rating: 1, dwell: 1, like: 1, share: 1 })
      .transform(inheritsNothing)
      .describe('Weight of an interaction in the history mean by event type; types not listed count nothing.'),
    halfLifeMs: ms(0).describe("An interaction's weight halves in this time; 0: never."),
    blocks: z
      .array(z.enum(['history', 'values', 'profile', 'context', 'numbers', 'counts']))
      .default(['history', 'context'])
      .describe(
        'Parts of the state vector. `history`: weighted mean of item vectors; `values`: the same weighted by value; `profile`: the user vector; `context`: hashed request context; `numbers`: numbers of the context named in `state.numbers`, each with a place of its own; `counts`: what the person has done so far, by `state.counts` and `state.rates`. A bias of 1 always comes first.',
      ),
    contextDimensions: z.number().int().positive().default(8).describe('Dimensions of the hashed context.'),
    numbers: z
      .array(z.string())
      .default([])
      .describe('Names of context numbers of the `numbers` block; standardised by the linear-Gaussian learner.'),
    counts: z
      .array(z.string())
      .default([])
      .describe('Event types of the `counts` block: log(1 + n) of each, n events of a person so far.'),
    rates: z
      .array(
        z.strictObject({
          of: z.string().describe('Event type that is counted, e.g. click.'),
          per: z.string().describe('Event type that it is counted per, e.g. impression.'),
          prior: z.number().min(0).default(0.05).describe('Rate of somebody unknown.'),
          strength: z.number().positive().default(20).describe('Events that the prior is worth.'),
        }),
      )
      .default([])
      .describe('Rates of the `counts` block: (n_of - prior · n_per) / (n_per + strength), 0 for somebody unknown.'),
    valueScale: z.number().positive().default(1).describe('Values are divided by this in the `values` block.'),
  })
  .prefault({})

export const features = z
  .strictObject({
    encoder: z
      .enum(['hashed', 'onnx', 'endpoint'])
      .default('hashed')
      .describe(
        'What makes vectors. `hashed`: words and attributes; `onnx`: a sentence encoder in a local folder; `endpoint`: an OpenAI-compatible embeddings endpoint.',
      ),
    dimensions: z
      .number()
      .int()
      .min(1)
      .max(4096)
      .default(32)
      .describe('Dimensions of item and user vectors (onnx and endpoint vectors are projected when they differ).'),
    whenDown: z
      .enum(['wait', 'hashed'])
      .default('wait')
      .describe('Encoder down: keep old vectors; new items `wait`, or get a `hashed` vector until it is back.'),
    onnx: z
      .strictObject({ folder: z.string().default('').describe('Folder of the encoder: model and tokeniser.') })
      .prefault({}),
    endpoint: z
      .strictObject({
        url: z.string().refine(hasNoPassword, passwordInUrl).default('').describe('URL of the embeddings endpoint.'),
        model: z.string().default('').describe('Model to ask for.'),
        dimensions: z
          .number()
          .int()
          .positive()
          .optional()
          .describe(
            'Numbers that the model answers with, so that another model behind its name is noticed at once; by default what it answers first.',
          ),
        keyFile: z.string().optional().describe('File that holds the API key.'),
        batchSize: z.number().int().positive().default(64).describe('Texts in one call.'),
        timeoutMs: ms(10 * second).describe('Time limit of one call.'),
        retries: z.number().int().nonnegative().default(5).describe('Retries of one call, with backoff.'),
      })
      .prefault({}),
  })
  .prefault({})
