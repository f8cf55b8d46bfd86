/** Part of `npm run test:python`: where it is asked for, a machine without python3 fails it. */
import { test } from 'node:test'
import { runExample, runForNothing } from './examples.ts'

test('the Python example', t => runExample(t, 'python3', 'recommend.py'))

test('the Python example where nothing listens', () => runForNothing('python3', 'recommend.py'))
