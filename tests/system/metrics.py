# SPDX-License-Identifier: ISC
"""Reads what `tlsherdctl metrics` prints, and is strict about it."""

import re

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
LABEL = rf'({NAME})="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? "
                    r"([+-]?[0-9]+(?:\.[0-9]+)?|[+-]Inf)")
TYPES = ("counter", "gauge", "histogram")


class Metrics:
    """samples: {(name, ((label, value), ...)): number}"""

    def __init__(self, text):
        self.types, self.samples, seen, name = {}, {}, set(), None
        assert text.endswith("\n")
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("# "):
                assert name is None or name in seen, f"{name}: no sample"
                name = self._family(line, next(lines))
                continue
            sample, labels, value = self._sample(line)
            assert self._belongs(sample, name), line
            seen.add(name)
            assert (sample, labels) not in self.samples, line
            self.samples[sample, labels] = value
        assert seen == set(self.types)
        self._check_histograms()

    def _family(self, helps, types):
        match = re.fullmatch(rf"# HELP ({NAME}) [ -\[\]-~]+", helps)
        assert match, helps
        name = match.group(1)
        match = re.fullmatch(rf"# TYPE {name} (\w+)", types)
        assert match and match.group(1) in TYPES, types
        assert name not in self.types, f"{name} begins twice"
        assert name.startswith("tlsherd_"), name
        assert name.endswith("_total") == (match.group(1) == "counter"), name
        assert not re.search(r"_(ms|us|milliseconds|kib|percent)(_|$)", name)
        self.types[name] = match.group(1)
        return name

    @staticmethod
    def _sample(line):
        match = SAMPLE.fullmatch(line)
        assert match, line
        pairs = tuple(re.findall(LABEL, match.group(2) or ""))
        assert len({key for key, _ in pairs}) == len(pairs), line
        return match.group(1), pairs, float(match.group(match.lastindex))

    def _belongs(self, sample, name):
        if self.types[name] == "histogram":
            return sample in (name + "_bucket", name + "_sum", name + "_count")
        return sample == name

    def _check_histograms(self):
        for name in (n for n, t in self.types.items() if t == "histogram"):
            for key, count in list(self.samples.items()):
                if key[0] != name + "_count":
                    continue
                buckets = [(dict(labels)["le"], value) for (n, labels), value
                           in self.samples.items() if n == name + "_bucket"
                           and labels[:-1] == key[1]]
                ends = [float(le) for le, _ in buckets]
                values = [value for _, value in buckets]
                assert ends == sorted(set(ends)) and buckets[-1][0] == "+Inf"
                assert values == sorted(values) and values[-1] == count
                assert (name + "_sum", key[1]) in self.samples

    def get(self, name, **labels):
        """Of all samples with these labels, the sum."""
        found = [value for (n, pairs), value in self.samples.items()
                 if n == "tlsherd_" + name
                 and labels.items() <= dict(pairs).items()]
        assert found, name
        return sum(found)

    def counters(self):
        """What may only grow."""
        return {key: value for key, value in self.samples.items()
                if key[0].endswith(("_total", "_bucket", "_sum", "_count"))}
