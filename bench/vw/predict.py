"""What Vowpal Wabbit predicts for each example of a file before it learns it.

usage: predict.py FILE OPTIONS. Prints {"predictions": [action or probabilities, ...], "loss": its own average}.
Examples are lines, or groups of lines between empty ones for --cb_adf and --cb_explore_adf. With --eval nothing is
predicted: the loss is that of the policy in the file.
"""

import json
import sys

import vowpalwabbit


def examples(file, grouped):
    with open(file) as lines:
        if not grouped:
            yield from (line.rstrip("\n") for line in lines if line.strip())
            return
        group = []
        for line in lines:
            if line.strip():
                group.append(line.rstrip("\n"))
            elif group:
                yield group
                group = []
        if group:
            yield group


def main(file, options):
    vw = vowpalwabbit.Workspace(options + " --quiet")
    predictions = []
    for text in examples(file, "_adf" in options):
        example = vw.parse(text)
        if "--eval" not in options:
            predictions.append(vw.predict(example))
        vw.learn(example)
        vw.finish_example(example)
    loss = vw.get_sum_loss() / vw.get_weighted_examples()
    vw.finish()
    print(json.dumps({"predictions": predictions, "loss": loss}))


main(*sys.argv[1:])
