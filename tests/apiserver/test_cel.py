"""CEL with the functions that Kubernetes adds."""

from __future__ import annotations

from typing import Any

import pytest

from lab.apiserver.cel_support.conversion import to_cel
from lab.apiserver.cel_support.programs import ExpressionError, compile_expression, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/33') && !isCIDR('a/8')", True),
        ("isIP('10.0.0.1') && isIP('fd00::1') && !isIP('10.0.0.256') && !isIP('::ffff:1.2.3.4')", True),
        ("cidr('10.1.2.3/16').ip().family()", 4),
        ("ip('fd00::1').family()", 6),
        ("cidr('fd00::/64').prefixLength()", 64),
        ("cidr('10.0.0.0/8').containsIP(ip('10.1.1.1')) && cidr('10.0.0.0/8').containsIP('10.1.1.1')", True),
        ("cidr('10.0.0.0/8').containsIP('fd00::1')", False),
        ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/8').containsCIDR(cidr('0.0.0.0/0'))", True),
        ("cidr('10.1.2.3/16').masked() == cidr('10.1.0.0/16')", True),
        ("ip('fd00:0:0::1') == ip('fd00::1') && !ip.isCanonical('fd00:0:0::1')", True),
        ("ip('127.0.0.1').isLoopback() && ip('169.254.0.1').isLinkLocalUnicast()", True),
        ("ip('8.8.8.8').isGlobalUnicast() && !ip('224.0.0.1').isGlobalUnicast()", True),
        ("quantity('1Gi').isGreaterThan(quantity('500M')) && !isQuantity('x')", True),
        ("quantity('1Ki').add(quantity('1Ki')) == quantity('2Ki')", True),
        ("url('https://a:1/b').getHost() == 'a:1' && isURL('/a') && !isURL('a')", True),
        ("'a1b22'.find('[0-9]+') + ':' + 'a1b22'.findAll('[0-9]+').join(',')", "1:1,22"),
        ("'A-b'.lowerAscii().split('-') == ['a', 'b'] && 'abc'.substring(1) == 'bc' && 'abc'.indexOf('c') == 2", True),
        ("[1, 2].isSorted() && [1, 2].sum() == 3 && [2, 1].max() == 2 && [1, 2, 1].lastIndexOf(1) == 2", True),
        ("self.all(a, self.exists_one(b, a == b)) && self.map(x, x * 2).filter(x, x > 2) == [4]", True),
        ("has(box.a) && !has(box.b) && (has(box.b) ? box.b : 7) == 7 && 'a' in box", True),
        ("size(self) == 2 && 'abc'.matches('^[a-c]+$') && type(self) == list", True),
    ],
)  # fmt: skip
def test_functions(expression: str, value: Any) -> None:
    assert evaluate(expression, {"self": [1, 2], "box": {"a": 1}}) == value


@pytest.mark.parametrize("expression", ["self.nothing", "ip('x')", "cidr('10.0.0.0/40')", "1 +", "self[5]", "nobody"])
def test_failures_are_told(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, {"self": {}})


def test_compiling() -> None:
    compile_expression("self.a == 1")
    with pytest.raises(ExpressionError):
        compile_expression("self.a ==")


def test_values_take_the_types_of_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "namespace": {"type": "string"},
            "share": {"type": "number"},
            "at": {"type": "string", "format": "date-time"},
            "for": {"type": "string", "format": "duration"},
            "a-b": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    }
    value = {"namespace": "n", "share": 1, "at": "2024-01-02T03:04:05Z", "for": "1h30m", "a-b": {"if": 1}}
    seen = {"self": to_cel(schema, value)}
    assert evaluate("self.__namespace__ == 'n' && self.share == 1.0 && self.a__dash__b['if'] == 1", seen) is True
    assert evaluate("self.at.getFullYear() == 2024 && self.__for__ > duration('1h')", seen) is True
