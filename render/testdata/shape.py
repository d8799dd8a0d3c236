"""Answers the Go tests' questions about Python source, one JSON array a line.

["literal", TEXT]       the value of a string literal
["tree", SOURCE, NAME]  the syntax tree, with constants left out and NAME made anonymous
"""

import ast
import json
import sys


def tree(source, name):
    """Dump the tree of a script, so that two that differ in names alone are equal.

    Names are made anonymous where a script may have them: in its import block.
    """
    parsed = ast.parse(source)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Constant):
            node.value = "constant"
    block = next(node for node in parsed.body if isinstance(node, ast.With))
    for node in ast.walk(block):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = "anonymous"
        if isinstance(node, ast.alias) and node.name == name:
            node.name = "anonymous"
    return ast.dump(parsed)


for line in sys.stdin:
    what, *rest = json.loads(line)
    try:
        answer = ast.literal_eval(rest[0]) if what == "literal" else tree(*rest)
    except (SyntaxError, ValueError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
