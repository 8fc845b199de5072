#!/usr/bin/env python3
"""Renders the JSON of rustdoc as the list of all public items, one a line: render.py stickler.json

An item stands under the path that an application writes, without `stickler::`; of other crates' types the crate and the
name, of the standard library's the module and the name. What `proto` has and the root names too is listed at the root, and
a line `use` says where it is from. Any other item with two paths is a fault, and so is a type in a signature without a path.
"""

import json
import re
import sys

STD = {"std", "core", "alloc"}
PRELUDE = set("""AsMut AsRef Box Clone Copy Default Drop Eq Extend Fn FnMut FnOnce From Into IntoIterator Iterator Option Ord
    PartialEq PartialOrd Result Send Sized String Sync ToOwned ToString TryFrom TryInto Vec""".split())
# What the compiler derives beside the trait that was asked for, and auto traits.
UNLISTED = {"StructuralPartialEq", "Freeze", "Unpin", "UnsafeUnpin", "UnwindSafe", "RefUnwindSafe"}


class Crate:
    def __init__(self, json_of_rustdoc):
        self.index = json_of_rustdoc["index"]
        self.summaries = json_of_rustdoc["paths"]
        self.root = self.index[str(json_of_rustdoc["root"])]
        self.paths = {}  # id of a public item: its path
        self.uses = []  # lines of what is defined elsewhere
        self.faults = set()
        self.lines = []

    def item(self, id):
        return self.index.get(str(id))

    # Which items have a path, and which.

    def walk(self, module, prefix, seen):
        for id in module["inner"]["module"]["items"]:
            self.visit(id, None, prefix, seen)

    def visit(self, id, name, prefix, seen):
        item = self.item(id)
        kind, inner = inner_of(item)
        if item["visibility"] != "public" or kind in ("impl", "macro"):
            return
        if kind == "use":
            target = self.item(inner["id"]) if inner["id"] is not None else None
            if inner["is_glob"] and target:
                self.walk(target, prefix, seen)
            elif target is None or target["crate_id"] != 0:
                self.uses.append(f"use {prefix}{inner['name']} = {inner['source'].removeprefix('::')}")
            else:
                self.visit(inner["id"], inner["name"], prefix, seen)
            return
        path = prefix + (name or item["name"])
        seen.setdefault(id, []).append(path)
        if kind == "module" and len(seen[id]) == 1:
            self.walk(item, path + "::", seen)

    def name_items(self):
        seen = {}
        self.walk(self.root, "", seen)
        for id, paths in seen.items():
            inside = [path for path in paths if path.startswith("proto::")]
            others = [path for path in paths if not path.startswith("proto::")]
            self.paths[id] = (others or inside)[0]
            if len(inside) > 1 or len(others) > 1 or (inside and others and "::" in others[0]):
                self.faults.add(f"two paths: {', '.join(paths)}")
            elif inside and others:
                self.uses.append(f"use {others[0]} = {inside[0]}")

    # Types and what they are made of, as text.

    def path_of(self, id, written):
        if id in self.paths:
            return self.paths[id]
        summary = self.summaries.get(str(id))
        if written.startswith("sealed::"):
            return "sealed"
        if summary is None or summary["crate_id"] == 0:
            self.faults.add(f"in a signature, but without a public path: {written}")
            return written
        segments = summary["path"]
        if segments[0] in STD:
            is_prelude = segments[-1] in PRELUDE and segments[1] not in ("io", "fmt")
            return segments[-1] if is_prelude else f"{segments[1]}::{segments[-1]}"
        return f"{segments[0]}::{segments[-1]}"

    def resolved(self, path):
        return self.path_of(path["id"], path["path"]) + self.args(path.get("args"))

    def args(self, args):
        if not args:
            return ""
        kind, inner = only(args)
        if kind == "parenthesized":
            output = f" -> {self.type(inner['output'])}" if inner["output"] else ""
            return f"({self.join(inner['inputs'])}){output}"
        parts = [self.arg(arg) for arg in inner["args"]]
        for constraint in inner["constraints"]:
            kind, bound = only(constraint["binding"])
            bound = f" = {self.term(bound)}" if kind == "equality" else f": {self.bounds(bound)}"
            parts.append(constraint["name"] + self.args(constraint["args"]) + bound)
        return f"<{', '.join(parts)}>" if parts else ""

    def arg(self, arg):
        if isinstance(arg, str):
            return "_"
        kind, inner = only(arg)
        return self.type(inner) if kind == "type" else inner if kind == "lifetime" else inner["expr"]

    def term(self, term):
        kind, inner = only(term)
        return self.type(inner) if kind == "type" else inner["expr"]

    def join(self, types):
        return ", ".join(self.type(one) for one in types)

    def type(self, type):
        if isinstance(type, str):
            return "_"
        kind, inner = only(type)
        match kind:
            case "resolved_path":
                return self.resolved(inner)
            case "generic" | "primitive":
                return "!" if inner == "never" else inner
            case "tuple":
                return f"({self.join(inner)}{',' if len(inner) == 1 else ''})"
            case "slice":
                return f"[{self.type(inner)}]"
            case "array":
                return f"[{self.type(inner['type'])}; {inner['len']}]"
            case "borrowed_ref":
                lifetime = inner["lifetime"] + " " if inner["lifetime"] else ""
                return f"&{lifetime}{'mut ' if inner['is_mutable'] else ''}{self.type(inner['type'])}"
            case "impl_trait":
                return f"impl {self.bounds(inner)}"
            case "dyn_trait":
                first, *autos = [self.poly(one) for one in inner["traits"]]
                return f"dyn {' + '.join([first, *sorted(autos), *filter(None, [inner['lifetime']])])}"
            case "qualified_path":
                trait = inner["trait"]
                own = self.type(inner["self_type"])
                whose = f"<{own} as {self.resolved(trait)}>" if trait and (trait["path"] or own != "Self") else own
                return f"{whose}::{inner['name']}{self.args(inner['args'])}"
            case "function_pointer":
                sig = inner["sig"]
                output = f" -> {self.type(sig['output'])}" if sig["output"] else ""
                return f"fn({self.join(one for _, one in sig['inputs'])}){output}"
        raise SystemExit(f"render.py: a type that it does not know: {kind}")

    def poly(self, poly):
        return binder(poly["generic_params"]) + self.resolved(poly["trait"])

    def bounds(self, bounds):
        return " + ".join(self.bound(one) for one in bounds)

    def bound(self, bound):
        kind, inner = only(bound)
        if kind == "trait_bound":
            return {"none": "", "maybe": "?"}.get(inner["modifier"], "~") + self.poly(inner)
        return inner if kind == "outlives" else f"use<{', '.join(next(iter(one.values())) for one in inner)}>"

    def generics(self, generics):
        """The parameters in angle brackets, and the where clause."""
        params = []
        for param in generics["params"]:
            kind, inner = only(param["kind"])
            if kind == "lifetime":
                outlives = f": {' + '.join(inner['outlives'])}" if inner["outlives"] else ""
                params.append(param["name"] + outlives)
            elif kind == "const":
                params.append(f"const {param['name']}: {self.type(inner['type'])}")
            elif not inner["is_synthetic"]:
                bounds = f": {self.bounds(inner['bounds'])}" if inner["bounds"] else ""
                default = f" = {self.type(inner['default'])}" if inner["default"] else ""
                params.append(param["name"] + bounds + default)
        wheres = []
        for predicate in generics["where_predicates"]:
            kind, inner = only(predicate)
            if kind == "bound_predicate":
                wheres.append(f"{binder(inner['generic_params'])}{self.type(inner['type'])}: {self.bounds(inner['bounds'])}")
            elif kind == "lifetime_predicate":
                wheres.append(f"{inner['lifetime']}: {' + '.join(inner['outlives'])}")
            else:
                wheres.append(f"{self.type(inner['lhs'])} == {self.term(inner['rhs'])}")
        return f"<{', '.join(params)}>" if params else "", f" where {', '.join(wheres)}" if wheres else ""

    # Items, a line each.

    def line(self, path, item, text):
        attributes = [attribute for one in item["attrs"] if (attribute := shown(one))]
        attributes += ["#[deprecated]"] * bool(item["deprecation"])
        self.lines.append((path, " ".join([*attributes, text])))

    def render(self):
        self.name_items()
        for id, path in self.paths.items():
            self.render_item(self.item(id), path)
        for item in self.index.values():
            kind, inner = inner_of(item)
            if kind == "impl" and item["crate_id"] == 0 and not inner["blanket_impl"]:
                self.render_impl(item, inner)
        # An item comes before its traits, and these before what it has.
        ordered = sorted(set(self.lines), key=lambda line: (line[0].split("::"), line[1].startswith("impl"), line[1]))
        return sorted(set(self.uses)) + [text for _, text in ordered]

    def render_item(self, item, path):
        kind, inner = inner_of(item)
        if kind == "function":
            return self.render_function(item, path)
        params, where = self.generics(inner["generics"]) if "generics" in inner else ("", "")
        text = f"{kind.replace('_', ' ')} {path}{params}"
        match kind:
            case "module":
                text = f"mod {path}"
            case "struct":
                text += self.render_fields(inner["kind"], path, "pub ") + where
            case "enum":
                text += where
                for id in inner["variants"]:
                    variant = self.item(id)
                    fields = self.render_fields(variant["inner"]["variant"]["kind"], f"{path}::{variant['name']}", "")
                    self.line(f"{path}::{variant['name']}", variant, f"variant {path}::{variant['name']}{fields}")
            case "trait":
                text += (f": {self.bounds(inner['bounds'])}" if inner["bounds"] else "") + where
                for id in inner["items"]:
                    self.render_member(self.item(id), path)
            case "type_alias":
                text = f"type {path}{params} = {self.type(inner['type'])}{where}"
            case "constant":
                text = f"const {path}: {self.type(inner['type'])} = {inner['const']['expr']}"
        self.line(path, item, text)

    def render_fields(self, kind, path, visibility):
        """What follows the name of a struct or a variant; the fields that have a name are lines of their own."""
        if isinstance(kind, str):
            return ""
        form, inner = only(kind)
        if form == "tuple":
            fields = [self.item(id) if id is not None else None for id in inner]
            return "(" + ", ".join(visibility + self.field(one) if one else "_" for one in fields) + ")"
        for id in inner["fields"]:
            field = self.item(id)
            self.line(f"{path}::{field['name']}", field, f"field {path}::{field['name']}: {self.field(field)}")
        is_more = inner["has_stripped_fields"]
        return " { .. }" if inner["fields"] and is_more else "" if inner["fields"] or is_more else " {}"

    def field(self, item):
        return self.type(item["inner"]["struct_field"])

    def render_member(self, item, path):
        kind, inner = inner_of(item)
        path = f"{path}::{item['name']}"
        if kind == "function":
            self.render_function(item, path)
        elif kind == "assoc_const":
            self.line(path, item, f"const {path}: {self.type(inner['type'])}")
        else:
            bounds = f": {self.bounds(inner['bounds'])}" if inner["bounds"] else ""
            self.line(path, item, f"type {path}{bounds}" + (f" = {self.type(inner['type'])}" if inner["type"] else ""))

    def render_function(self, item, path):
        inner = item["inner"]["function"]
        sig, header = inner["sig"], inner["header"]
        params, where = self.generics(inner["generics"])
        inputs = [self.input(name, type) for name, type in sig["inputs"]]
        output = f" -> {self.type(sig['output'])}" if sig["output"] else ""
        words = [word for word in ("const", "async", "unsafe") if header[f"is_{word}"]]
        self.line(path, item, " ".join([*words, f"fn {path}{params}({', '.join(inputs)}){output}{where}"]))

    def input(self, name, type):
        text = self.type(type)
        if name == "self" and re.fullmatch(r"(&('\w+ )?(mut )?)?Self", text):
            return text.replace("Self", "self")
        return f"{name}: {text}"

    def render_impl(self, item, inner):
        trait = inner["trait"]
        if trait and trait["path"].rsplit("::", 1)[-1] in UNLISTED:
            return
        # Of auto traits only that a type lacks one.
        if not self.has_path([inner["for"], trait]) or (inner["is_synthetic"] and not inner["is_negative"]):
            return
        params, where = self.generics(inner["generics"])
        own = self.type(inner["for"])
        id = inner["for"].get("resolved_path", {}).get("id")
        path = self.paths.get(id, own)
        if trait is None:
            for id in inner["items"]:
                if (member := self.item(id)) and member["visibility"] == "public":
                    self.render_member(member, path)
            return
        types = [
            f"{one['name']} = {self.type(one['inner']['assoc_type']['type'])}"
            for one in map(self.item, inner["items"])
            if one and "assoc_type" in one["inner"]
        ]
        negative = "!" if inner["is_negative"] else ""
        text = f"impl{params} {negative}{self.resolved(trait)} for {own}{where}"
        self.lines.append((path, text + (f" {{ {', '.join(types)} }}" if types else "")))

    def has_path(self, what):
        """Whether all items of this crate in it are public, so that it is part of the API."""
        if isinstance(what, list):
            return all(self.has_path(one) for one in what)
        if not isinstance(what, dict):
            return True
        if "path" in what and "id" in what and what["id"] not in self.paths:
            summary = self.summaries.get(str(what["id"]))
            if summary is None or summary["crate_id"] == 0:
                return False
        return all(self.has_path(one) for one in what.values())


def only(tagged):
    return next(iter(tagged.items()))


def inner_of(item):
    return only(item["inner"])


def binder(params):
    return f"for<{', '.join(param['name'] for param in params)}> " if params else ""


def shown(attribute):
    name = attribute if isinstance(attribute, str) else only(attribute)[0]
    return f"#[{name}]" if name in ("non_exhaustive", "must_use") else None


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        crate = Crate(json.load(file))
    print("\n".join(crate.render()))
    for fault in sorted(crate.faults):
        print(f"render.py: {fault}", file=sys.stderr)
    sys.exit(bool(crate.faults))


main()
