import { type Command, InvalidArgumentError } from 'commander'
import { FeedloopError } from '../errors.ts'
import { simulateChain } from '../log/chain/simulation/simulate.ts'
import { createWire } from '../log/wire/create.ts'
import { type LoopOptions, runPlan } from '../simulation/loop.ts'
import { type Plan, planOf } from '../simulation/plan.ts'
import { shrink } from '../simulation/shrink.ts'
import { atLeast } from './shared.ts'

interface Options {
  readonly seed: number
  readonly seeds: number
  readonly chain?: boolean
  readonly trace?: boolean
}

export function addSimulate(program: Command): void {
  program
    .command('simulate')
    .description('play a seeded history of everything that may go wrong; exit 1 and shorten it when something does')
    .option('--seed <number>', 'which history; the same seed is the same history', whole, 0)
    .option('--seeds <number>', 'so many, from that seed on', atLeast(1), 1)
    .option('--loop', 'the whole loop: people, ranker, joiner, learner and gate (the default)')
    .option('--chain', 'the chain alone, with stages made to break one that cheats')
    .option('--trace', 'tell the history even when nothing is wrong')
    .action((options: Options) => (options.chain ? chain(options) : playLoop(options)))
}

type Tell = (line: string) => void
const say: Tell = line => void process.stdout.write(`${line}\n`)
const wrong = (seed: number, fault: string): FeedloopError =>
  new FeedloopError('SIMULATION_FAULT', `seed ${seed}: ${fault}`)

async function chain({ seed, seeds, trace }: Options): Promise<void> {
  for (let one = seed; one < seed + seeds; one++) {
    const lines: string[] = []
    const { fault, ...result } = await simulateChain(one, { trace: line => lines.push(line) })
    if (trace || fault !== null) for (const line of lines) say(line)
    if (fault !== null) throw wrong(one, fault)
    say(JSON.stringify(result))
  }
}

/** Plays the loop. @param broken for tests: what is broken on purpose
 * @throws FeedloopError SIMULATION_FAULT after telling the shortest history that shows it */
export async function playLoop(
  { seed, seeds, trace }: Options,
  tell: Tell = say,
  broken: Omit<LoopOptions, 'wire'> = {},
): Promise<void> {
  const options: LoopOptions = { ...broken, wire: await createWire({ prefix: '' }) }
  for (let one = seed; one < seed + seeds; one++) {
    const plan = planOf(one)
    const { fault, plan: _, ...result } = await runPlan(plan, trace ? { ...options, trace: tell } : options)
    if (fault !== null) throw await shortened(plan, fault, options, tell)
    tell(JSON.stringify({ seed: one, ...result }))
  }
}

/** Tells the shortest history that still fails. */
async function shortened(plan: Plan, fault: string, options: LoopOptions, tell: Tell): Promise<FeedloopError> {
  const short = await shrink(plan, async smaller => (await runPlan(smaller, options)).fault !== null)
  tell(`seed ${plan.seed}: ${fault}`)
  tell(`${plan.acts.length} acts, of which these, with trouble ${short.trouble.toFixed(3)}, are enough:`)
  for (const { act, atMs, ...rest } of short.acts) tell(`${atMs.toFixed(1).padStart(8)} ${act} ${JSON.stringify(rest)}`)
  tell('their history:')
  const again = await runPlan(short, { ...options, trace: tell })
  return wrong(plan.seed, again.fault ?? fault)
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed')
  return value
}
