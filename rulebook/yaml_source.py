"""Strict reading of YAML under config/: plain mappings, lists and scalars, every error with its line.

Tags, anchors and repeated keys are refused: what an official reads is what the program reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml  # type: ignore[import-untyped]  # ships no types

from rulebook.positions import Path
from rulebook.records import RulebookError
from rulebook.source import Document, Sources, Table

_SCALARS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool"))


@dataclass(frozen=True)
class YamlDocument(Document):
    """The text of a YAML file with the lines of its keys."""

    lines: Mapping[Path, int] = field(default_factory=dict, repr=False)

    def line(self, path: Path) -> int | None:
        """Return the line of a key, or of the nearest thing around it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def yaml_table(sources: Sources, name: str) -> Table:
    """Return the root table of a YAML file. Raises ``RulebookError`` with the line of whatever is not plain YAML."""
    text = sources.text(name)
    reader = _Reader(name, text)
    data = reader.root()
    return Table(YamlDocument(name, text, reader.lines), (), data)


class _AnchorError(yaml.MarkedYAMLError):  # type: ignore[misc]  # PyYAML ships no types
    """An anchor or alias: one line that stands for many."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML ships no types
    def compose_node(self, parent: yaml.Node, index: object) -> yaml.Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _AnchorError(problem="write it out, without anchors", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _Reader:
    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self.lines: dict[Path, int] = {}

    def root(self) -> dict[str, object]:
        try:
            loader = _Loader(self._text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise RulebookError(self._name, 1, "must be keys with values / 应为键值对")
            return self._mapping(loader, node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            raise RulebookError(self._name, line, f"YAML syntax: {error.problem} / YAML 语法错误") from error
        except yaml.YAMLError as error:
            raise RulebookError(self._name, None, "YAML syntax / YAML 语法错误") from error

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(loader, node)

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._scalar(loader, key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise RulebookError(self._name, line, "a key must be text / 键应为文字")
            if key in found:
                raise RulebookError(self._name, line, f"key '{key}' stands twice; remove one / 重复的键")
            self.lines[(*path, key)] = line
            found[key] = self._value(loader, value_node, (*path, key))
        return found

    def _scalar(self, loader: yaml.SafeLoader, node: yaml.Node) -> object:
        if node.tag not in _SCALARS:
            raise RulebookError(
                self._name,
                node.start_mark.line + 1,
                "must be text, a number, true or false / 应为文字、数字或真假值",
            )
        return loader.construct_object(node)
