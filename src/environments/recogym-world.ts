/**
 * Constants of a RecoGym world: product vectors, popularity, and the permutation under which clicks use them. Drawn once
 * by the published generator (numpy RandomState(seed)); examples/worlds holds one, `--world FILE` takes any.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { z } from 'zod'
import { FeedloopError } from '../errors.ts'

const worldSchema = z
  .object({
    products: z.number().int().min(2),
    flips: z.number().int().min(0),
    seed: z.number().int(),
    /** Product vectors, products x latent dimensions. */
    gamma: z.array(z.array(z.number()).min(1)),
    /** Popularity of each product. */
    muOrganic: z.array(z.number()),
    /** Product whose vector and popularity decide the clicks on product a. */
    permutation: z.array(z.number().int()),
    /** Figures computed once from the constants; computed at need when absent. */
    rates: z
      .object({
        random: z.number(),
        bestFixed: z.number(),
        popularity: z.number(),
        oracle: z.number(),
        how: z.string(),
      })
      .optional(),
  })
  .superRefine((world, issues) => {
    const { products, gamma, muOrganic, permutation } = world
    const complain = (message: string) => issues.addIssue({ code: 'custom', message })
    if (gamma.length !== products || muOrganic.length !== products) complain(`not ${products} rows of constants`)
    if (gamma.some(row => row.length !== gamma[0].length)) complain('rows of gamma differ in length')
    const sorted = [...permutation].sort((a, b) => a - b)
    if (sorted.length !== products || sorted.some((p, i) => p !== i)) complain('permutation is none')
  })

export type World = z.output<typeof worldSchema> & { readonly name: string }

/** @throws FeedloopError DATA_MISSING when the file cannot be read or holds no world */
export function readWorld(file: string): World {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read the world ${file}: ${(cause as Error).message}`, { cause })
  }
  const result = worldSchema.safeParse(json)
  if (!result.success)
    throw new FeedloopError(
      'DATA_MISSING',
      `${file} is no world: ${result.error.issues.map(i => i.message).join('; ')}`,
    )
  return { ...result.data, name: basename(file, '.json') }
}
