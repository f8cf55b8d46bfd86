/** What one stage has for itself. */
import { z } from 'zod'
import { minute, ms, second } from './units.ts'

export const shedding = z
  .strictObject({
    fromRequests: z
      .number()
      .int()
      .positive()
      .default(10)
      .describe('Requests that a step of the ranker must take for their waiting to be called load.'),
    perStep: z
      .number()
      .int()
      .positive()
      .default(500)
      .describe(
        'Of more requests that a step takes, so many pass on average, one of more than 100 candidates counted in proportion: a step decides them all before it answers any.',
      ),
    fromMs: ms(500).describe(
      "Above this waiting time (median of a step, by the records' own timestamps) some requests are shed: answered without scores, never learned.",
    ),
    toMs: ms(second).describe('From this waiting time on as many as ever are shed.'),
    leastPass: z
      .number()
      .gt(0)
      .max(1)
      .default(0.02)
      .describe('Share that passes then; weighed by its inverse it stands for all.'),
  })
  .refine(({ fromMs, toMs }) => fromMs < toMs, 'fromMs must be less than toMs')
  .optional()
  .describe('Load shedding; none: requests wait for as long as it takes.')

export const learner = z
  .strictObject({
    publishMs: ms(second).describe(
      'Time between published versions, ms. Learners by gradients learn every 250 ms or more often, and publish what they have learned by then; `ppo` and `a3c`, which must stay near who decides, publish each time.',
    ),
    fullEvery: z
      .number()
      .int()
      .positive()
      .default(30)
      .describe('A full checkpoint at least every so many versions; between them only what changed.'),
  })
  .prefault({})

export const gate = z
  .strictObject({
    maxKl: z
      .number()
      .positive()
      .default(5)
      .describe(
        'Nats: a version further from the serving one is held. Scores are measured in units of the serving ' +
          "version's own uncertainty (two-tower: of the explorer's temperature), so their scale does not matter.",
      ),
    holdMs: ms(minute).describe(
      'Versions that are too far from the serving one but stay close to each other serve after so long, ms.',
    ),
  })
  .prefault({})
