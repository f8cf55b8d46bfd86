/** A reporter for node:test: one JSON line for each finished test, to be read by tools/test/suite.ts. */
export default async function* events(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    yield `${JSON.stringify({
      passed: type === 'test:pass',
      name: data.name,
      nesting: data.nesting,
      suite: data.details?.type === 'suite',
      skipped: data.skip ?? data.todo ?? false,
      error: type === 'test:fail' ? describe(data.details?.error) : undefined,
      cause: data.details?.error?.failureType,
    })}\n`
  }
}

function describe(error) {
  const cause = error?.cause ?? error
  return String(cause?.stack ?? cause?.message ?? cause)
}
