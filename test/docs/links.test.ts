/** Pages lead to places that are there, and the configurations that they show are accepted. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'examples/**/*.md', 'deploy/**/*.md'], { cwd: root })
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Anchor of a heading, as GitHub makes it. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )

describe('links of pages', () => {
  test('there are pages', () => assert.ok(pages.length > 10))
  for (const page of pages)
    test(page, () => {
      for (const [, link] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [path, anchor] = link.split('#')
        const target = path === '' ? page : join(dirname(page), path)
        assert.ok(existsSync(join(root, target)), `${link} is not there`)
        if (anchor && target.endsWith('.md'))
          assert.ok(anchorsOf(read(target)).includes(anchor), `${link}: no such heading`)
      }
    })
})

test('the configuration of docs/getting-started.md is one', () => {
  const blocks = [...read('docs/getting-started.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => parse(text))
  assert.ok(blocks.length >= 2)
  const { policies, sources, topics } = parseConfig(Object.assign({}, ...blocks))
  assert.deepEqual([policies[0].mode, sources.length, topics.prefix], ['apprentice', 1, 'shop.'])
})
