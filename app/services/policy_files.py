"""Policy documents as text: YAML or JSON, with what YAML would turn into something else refused instead of guessed."""

import json
import re
from collections.abc import Iterable
from typing import Any

import yaml

from app.domain.errors import FieldError, ValidationError
from app.domain.policy_words import pointer_to

_MOST_BYTES = 512 * 1024
_DEEPEST = 40
_MERGE = "tag:yaml.org,2002:merge"
_WORDS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-9]{1,2})+(\.[0-9_]*)?", re.ASCII)


def read_document(text: str) -> Any:
    """Return the tree of a policy document. Raises ValidationError with a pointer for each thing that cannot be meant."""
    if len(text.encode()) > _MOST_BYTES:
        raise ValidationError(f"A policy document has at most {_MOST_BYTES // 1024} KiB.")
    problems: list[FieldError] = []
    if text.lstrip().startswith("{") and (found := _json(text, problems)) is not None:
        document = found
    else:
        document = _yaml(text, problems)
    if problems:
        raise refusal_of(problems)
    return document


def refusal_of(problems: list[FieldError]) -> ValidationError:
    """Return the one refusal that carries all problems."""
    first = f"{problems[0].pointer or '/'}: {problems[0].detail}"
    many = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return ValidationError(f"The policy is refused: {first}{many}", errors=tuple(problems))


def _json(text: str, problems: list[FieldError]) -> Any:
    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in given]
        for key in {key for key in keys if keys.count(key) > 1}:
            problems.append(FieldError("", "duplicate", f"The key {key!r} is there twice in one object."))
        return dict(given)

    def inexact(written: str) -> None:
        problems.append(FieldError("", "number", f"{written} has no exact value as a number; put amounts in quotes."))

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_float=inexact, parse_constant=inexact)
    except (ValueError, RecursionError):
        return None  # a YAML document may begin with a brace as well; its reader says what is wrong


def _yaml(text: str, problems: list[FieldError]) -> Any:
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValidationError("A policy says everything where it stands: no anchors (&) and aliases (*).")
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValidationError(f"This is not YAML{where}: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError):
        raise ValidationError("This is not YAML that can be read.") from None
    if root is None:
        raise ValidationError("The policy is empty.")
    return _value(root, (), problems)


def _value(node: yaml.Node, path: tuple[str | int, ...], problems: list[FieldError]) -> Any:
    if len(path) > _DEEPEST:
        problems.append(FieldError(pointer_to(*path), "depth", "Nothing in a policy is nested that deep."))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, (*path, index), problems) for index, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, problems)
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node, path, problems)


def _mapping(node: yaml.MappingNode, path: tuple[str | int, ...], problems: list[FieldError]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _MERGE:
            problems.append(FieldError(pointer_to(*path), "key", f"Line {line}: a key is a word."))
            continue
        key = key_node.value
        if key_node.tag != "tag:yaml.org,2002:str":
            detail = f"Line {line}: YAML does not read the key {key} as a word; put it in quotes if it is meant."
            problems.append(FieldError(pointer_to(*path, key), "key", detail))
        if key in read:
            detail = f"Line {line}: the key {key!r} is there twice; YAML would silently keep the last."
            problems.append(FieldError(pointer_to(*path, key), "duplicate", detail))
        read[key] = _value(value_node, (*path, key), problems)
    return read


def _scalar(node: yaml.ScalarNode, path: tuple[str | int, ...], problems: list[FieldError]) -> Any:
    text, kind = node.value, node.tag.rpartition(":")[2]
    if kind in ("str", "timestamp"):  # a day stays the text it is: 2027-01-31
        return text
    if kind == "null":
        return None
    if kind == "bool" and text in _WORDS:
        return _WORDS[text]
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text[:20])
    if _SEXAGESIMAL.fullmatch(text) and kind in ("int", "float"):
        detail = f'YAML reads {text} as a number to the base 60; put times in quotes: "{text}".'
    elif kind == "bool":
        meant = "true" if text.lower() in ("yes", "on", "true", "y") else "false"
        detail = f"YAML reads {text} as {meant}; write true or false, or put the word in quotes."
    elif kind == "float":
        detail = f'{text} has no exact value as a number; put amounts in quotes: "{text}".'
    elif kind == "int":
        detail = f"YAML does not read {text} as it looks; write a plain whole number, or put it in quotes."
    else:
        detail = f"A policy has no values of the kind {node.tag}."
    problems.append(FieldError(pointer_to(*path), "yaml", detail))
    return None


def lines_of(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """Return pointer -> the line (from 1) on which what it names begins, or on which the nearest thing around it does.

    Nothing for a text that is no YAML; whatever its reader says names the line itself.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    return {} if root is None else {pointer: _line(root, pointer) for pointer in pointers}


def _line(node: yaml.Node, pointer: str) -> int:
    line = node.start_mark.line + 1
    for part in pointer.split("/")[1:]:
        key, found = part.replace("~1", "/").replace("~0", "~"), None
        if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            found = node.value[int(key)]
            line = found.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.value == key:
                    found, line = value_node, key_node.start_mark.line + 1
        if found is None:
            break
        node = found
    return line
