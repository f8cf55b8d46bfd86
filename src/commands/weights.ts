import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { onnxOf } from '../exchange/onnx/towers.ts'
import { safetensorsOf, versionInFile, versionToExport } from '../exchange/weights/export.ts'
import { importWeights } from '../exchange/weights/import.ts'
import { versionName } from '../learner/publication.ts'
import { atLeast, onBus, withConfig } from './shared.ts'

interface ExportFlags {
  readonly config?: string
  readonly file?: string
  readonly policy?: string
  readonly out: string
}

interface ImportFlags {
  readonly config?: string
  readonly policy?: string
  readonly timeout: number
}

const formats = { '.safetensors': safetensorsOf, '.onnx': onnxOf } as const

export function addWeights(program: Command): void {
  const weights = program
    .command('weights')
    .description('weights of a policy for other programs, and from them (docs/exchange.md)')
  withConfig(
    weights
      .command('export [version]')
      .description('write a model version, by its number, to a file; the newest without one')
      .option('--policy <name>', 'whose; the first one of the configuration without')
      .option('--file <version.avro>', 'one that a training keeps, instead of one of the log')
      .requiredOption('--out <file>', 'NAME.safetensors (any algorithm) or NAME.onnx (networks of two towers)'),
  ).action(runExport)
  withConfig(
    weights
      .command('import <file>')
      .description('make the weights of a .safetensors file the next version, from which the loop serves and learns on')
      .option('--policy <name>', 'whose; the first one of the configuration without')
      .option('--timeout <seconds>', 'how long it may take', atLeast(1, 'any'), 60),
  ).action((file: string, { policy, timeout, ...options }: ImportFlags) =>
    onBus(options, async context => {
      const model = await importWeights(context, policy, file, 1000 * timeout)
      process.stdout.write(`${file} is version ${model.version} of ${model.policy}\n`)
    }),
  )
}

async function runExport(version: string | undefined, flags: ExportFlags): Promise<void> {
  const { out, file, policy, ...options } = flags
  const encode = Object.entries(formats).find(([ending]) => out.endsWith(ending))?.[1]
  if (!encode) throw new FeedloopError('USAGE', `--out ${out}: ${Object.keys(formats).join(' or ')}`)
  if (file !== undefined && version !== undefined) throw new FeedloopError('USAGE', `${version} or --file, not both`)
  const model = await (file
    ? versionInFile(file)
    : onBus(options, context => versionToExport(context, policy, version && versionNamed(version))))
  const bytes = encode(model)
  writeFileSync(out, bytes)
  process.stdout.write(`version ${model.version} of ${model.policy}: ${bytes.length} bytes in ${out}\n`)
}

/** A version as people write it, 5, by its whole name, 000000000005. */
export const versionNamed = (text: string): string => (/^\d+$/.test(text) ? versionName(Number(text)) : text)
