"""
`{% load loyalty %}`: every widget of the suite as a tag, for templates that do not let ours through.

Each tag renders a template of `loyalty/widgets/`, or nothing at all where no program is live. What goes wrong in
one is logged and leaves a gap on the page, never an error.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import lru_cache, partial, wraps
from typing import Any

from django import template
from django.template.base import Template
from django.template.context import Context
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Segment, Unit
from loyalty_oscar.program.queries import has_terms

from ..pricing import labels
from ..segments.showing import segment_shown, why_shown
from ..storefront.retold import retold
from ..storefront.visit import takes_part, teases, visit_facts

register = template.Library()
# In some languages the groups of digits stand apart in the same way.
BEFORE_THE_WORD = re.compile(rf"{words.NBSP}(?=\D)")
#: So many letters or digits of a number stand on one line of the narrowest card at twice the size of text.
SHORT = 7
logger = logging.getLogger("loyalty_oscar")


def widget(tag: Callable[..., str]) -> Callable[..., str]:
    """Register a tag that is told the visit first, and only called where a program serves the site."""

    @wraps(tag)
    def guarded(context: Context, *args: Any, **kwargs: Any) -> str:
        visit = getattr(context.get("request"), "loyalty", None)
        try:
            return tag(context, *args, **kwargs) if visit is not None and visit.unit is not None else ""
        except Exception:
            logger.exception("a page goes without its %s", tag.__name__)
            return ""

    return register.simple_tag(takes_context=True)(guarded)


def rendered(context: Context, name: str, data: Mapping[str, Any]) -> SafeString:
    """Render a widget with its own data only, as an inclusion tag does."""
    found = context.template.engine.get_template(name)
    return found.render(context.new({"request": context["request"], "csrf_token": context.get("csrf_token"), **data}))


def shown(context: Context, place: str, subject: Any) -> SafeString:
    """Render what is shown in a place of a page."""
    pieces = contributions.render(place, subject=subject, request=context["request"], inside=context)
    return SafeString("".join(pieces))


@widget
def loyalty_badge(context: Context, short: bool = False) -> str:
    """Show how many points the visitor has, linked to the account page; `short=True` without the word."""
    visit = context["request"].loyalty
    fetched = conf.BADGE == "fetch"
    if not fetched and not takes_part(visit=visit):
        return ""
    data = {"unit": visit.unit, "program": visit.unit.program, "short": short, "fetched": fetched}
    if fetched:
        data["word"] = words.title(unit=visit.unit)
    else:
        data.update(badge(unit=visit.unit, points=visit.account.available if visit.account else 0))
        data["level"] = shown(context, "header:badge", visit)
        data["dot"] = shown(context, "header:dot", visit)
    return rendered(context, "loyalty/widgets/badge.html", data)


def badge(*, unit: Unit, points: int) -> dict[str, Any]:
    """Return what stands on a badge: the value, the number, and both with the word."""
    number = words.short(unit=unit, points=points)
    return {"value": points, "number": number, "points": words.points(unit=unit, points=points)}


@widget
def loyalty_header(context: Context, short: bool = False) -> str:
    """Link the page that explains the club, for those who are not in it (`LOYALTY_TEASERS`); `short=True` on phones."""
    visit = context["request"].loyalty
    # A page that is equal for everybody does not ask who looks at it.
    if not teases(visit=visit, teaser="header") or (conf.BADGE != "fetch" and takes_part(visit=visit)):
        return ""
    return rendered(context, "loyalty/widgets/header.html", {"program": visit.unit.program, "short": short})


@widget
def loyalty_footer(context: Context) -> str:
    """Link the page that explains the club, its terms, and what features add, at the foot (`LOYALTY_TEASERS`)."""
    visit = context["request"].loyalty
    if not teases(visit=visit, teaser="footer"):
        return ""
    program = visit.unit.program
    data = {"program": program, "has_terms": has_terms(program=program, at=clock.now())}
    return rendered(context, "loyalty/widgets/footer.html", {**data, "more": shown(context, "footer:links", program)})


@widget
def loyalty_join(context: Context, where: str = "page") -> str:
    """
    Say how to join, with the terms, to those who are not in the club (`LOYALTY_TEASERS`): with a button, or beside a
    form that registers (`"register"`) or orders (`"checkout"`).
    """
    visit = context["request"].loyalty
    if not teases(visit=visit, teaser="join") or takes_part(visit=visit):
        return ""
    program = visit.unit.program
    by_choice = program.enrolment == program.Enrolment.OPT_IN
    data = {"program": program, "by_choice": by_choice, "where": where, "here": context["request"].get_full_path()}
    data["has_terms"] = has_terms(program=program, at=clock.now())
    data["is_signed_in"] = context["request"].user.is_authenticated
    return rendered(context, "loyalty/widgets/join_call.html", data)


@widget
def loyalty_earn_product(context: Context, product: Any) -> str:
    """Show what one piece of this product brings, with the why. Put it before the price; `as` keeps it for later."""
    return shown(context, "product:earns", product)


@widget
def loyalty_earn_card(context: Context, product: Any) -> str:
    """Show what one piece of this product brings, on its card in a list. Put it after the price."""
    context["request"].loyalty.prices.beside = partial(_listed, context)
    return shown(context, "product:card-earns", product)


@widget
def loyalty_earn_basket(context: Context, basket: Any) -> str:
    """Show what this basket brings, with the why."""
    context["request"].loyalty.shipping_method = context.get("shipping_method") or None
    return shown(context, "basket:earns", basket)


@widget
def loyalty_use_points(context: Context, basket: Any) -> str:
    """Let a member use points on this basket: buttons, a number, and what they do. Put it above the totals."""
    context["request"].loyalty.shipping_method = context.get("shipping_method") or None
    return shown(context, "basket:totals", basket)


@register.simple_tag
def loyalty_others(discounts: Iterable[Any]) -> list[Any]:
    """Return the discounts of a basket without what points took off, which has a row of its own."""
    return [discount for discount in discounts if not hasattr(discount["offer"], "loyalty_takes_points")]


@widget
def loyalty_thank_you(context: Context, order: Any) -> str:
    """Show what this order brought or will bring its member, with the why."""
    return shown(context, "thank-you:earned", order)


@widget
def loyalty_used(context: Context, order: Any) -> str:
    """Show what this order used."""
    return shown(context, "thank-you:used", order)


class Named:
    """A discount of an order under the name that it had when the order was placed, not that of today's offer."""

    def __init__(self, discount: Any) -> None:
        self.discount, self.offer = discount, discount.offer_name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.discount, name)


@register.simple_tag
def loyalty_named(discounts: Iterable[Any]) -> list[Named]:
    """Let the totals of an order say "500 paws used" where Oscar's template asks for today's offer."""
    return [Named(discount) for discount in discounts]


class NamedDelivery:
    """An order whose discounts of delivery have the names that they had when it was placed."""

    def __init__(self, order: Any) -> None:
        self.order = order

    def __getattr__(self, name: str) -> Any:
        return getattr(self.order, name)

    @property
    def shipping_discounts(self) -> list[Named]:
        return [Named(discount) for discount in self.order.shipping_discounts]


@register.simple_tag
def loyalty_named_delivery(order: Any) -> NamedDelivery:
    """Let the totals of an order name the reward that took the delivery off, where Oscar's template asks the order."""
    return NamedDelivery(order)


@register.simple_tag(takes_context=True)
def loyalty_order_mail(context: Context, order: Any) -> str:
    """
    Write into the confirmation of an order what features have to say of it, a line each; needs no request.

    It is plain text, so an HTML body escapes it. Oscar renders both bodies of a mail from one dictionary, where it
    stands for the second.
    """
    mail, name = context.dicts[:2][-1], f"loyalty_order_mail_{order and order.pk}"
    if name not in mail:
        plain = copy(context)
        plain.autoescape = False
        said = contributions.render("mail:order", subject=order, request=None, inside=plain)
        mail[name] = "\n".join(str(piece).strip() for piece in said)
    return mail[name]


@register.filter
def parted(text: str) -> SafeString:
    """Let a line end between a number and its word ("118,500 paws") where it has no room for both."""
    return mark_safe(BEFORE_THE_WORD.sub(r"\g<0><wbr>", conditional_escape(text)))


#: The end of a form's fields: the button that sends it.
ABOVE_BUTTON = r'id="{form}".*?(?=<button\b|<input\b[^>]*\btype="submit")'
AFTER_PRICE = r"<p\b[^>]*\bprice_color\b.*?</p>"


class Inserted(template.Node):
    """Oscar's markup with a piece of ours at a spot where it has no block; behind it all where that spot is missing."""

    def __init__(self, inside: template.NodeList, spot: str, piece: Callable[[Context], str]) -> None:
        self.inside, self.spot, self.piece = inside, re.compile(spot, re.DOTALL), piece

    def render(self, context: Context) -> str:
        html, piece = self.inside.render(context), self.piece(context)  # The piece asks for the price just written.
        found = self.spot.search(html) if piece else None
        end = found.end() if found else len(html)
        return SafeString(f"{html[:end]}{piece}{html[end:]}")


@register.tag
def loyalty_in_register_form(parser: Any, token: Any) -> Inserted:
    """
    Show what belongs into Oscar's form that registers, around that form: how to join, and the pieces of features.

    They stand above its button: the form is found by its id `register_form`.
    """
    inside = parser.parse(["end_loyalty_in_register_form"])
    parser.delete_first_token()
    return Inserted(inside, ABOVE_BUTTON.format(form="register_form"), _when_registering)


def _when_registering(context: Context) -> str:
    said = loyalty_join(context, "register"), loyalty_pieces(context, "register:form", context.get("request"))
    return SafeString("".join(said))


@register.tag
def loyalty_at_price(parser: Any, token: Any) -> Inserted:
    """Say right after the price of a product, around Oscar's markup, that it is lower, or would be with the club."""
    _name, product = token.split_contents()
    product = parser.compile_filter(product)
    inside = parser.parse(["end_loyalty_at_price"])
    parser.delete_first_token()
    return Inserted(inside, AFTER_PRICE, lambda context: _beside_price(context, product.resolve(context)))


def _beside_price(context: Context, product: Any) -> str:
    said = loyalty_cut(context, product) + loyalty_pieces(context, "product:club-price", product)
    return SafeString(said + loyalty_earn_card(context, product) if "loyalty_card" in context else said)


#: The heading that links the product of a line.
HEADING = r'<h(\d)\b(?:(?!</h\1>).)*?href="{address}"(?:(?!</h\1>).)*</h\1>'


class InLines(template.Node):
    """Oscar's table of a basket with a tag below the name of each line that costs less; below the table without one."""

    def __init__(self, inside: template.NodeList, basket: template.base.FilterExpression) -> None:
        self.inside, self.basket = inside, basket

    def render(self, context: Context) -> str:
        html, basket, done, rest = self.inside.render(context), self.basket.resolve(context), 0, ""
        tags = [(line, loyalty_cut_line(context, line)) for line in basket.all_lines()] if basket else []
        for line, tag in tags if any(tag for _line, tag in tags) else ():
            spot = HEADING.format(address=re.escape(conditional_escape(line.product.get_absolute_url())))
            if found := re.compile(spot, re.DOTALL).search(html, done):
                # Also past a line without a tag: a gift may be of the same product.
                html = f"{html[: found.end()]}{tag}{html[found.end() :]}"
                done = found.end() + len(tag)
            elif tag:
                rest += loyalty_cut_line(context, line, named=True)
        return SafeString(html + rest)


@register.tag
def loyalty_in_lines(parser: Any, token: Any) -> InLines:
    """Say at the name of each line of a basket, around Oscar's table of them, that its price is a lower one."""
    _name, basket = token.split_contents()
    basket = parser.compile_filter(basket)
    inside = parser.parse(["end_loyalty_in_lines"])
    parser.delete_first_token()
    return InLines(inside, basket)


class Retold(template.Node):
    """Oscar's markup of lines, with what features say otherwise in their words."""

    def __init__(self, inside: template.NodeList, lines: template.base.FilterExpression) -> None:
        self.inside, self.lines = inside, lines

    def render(self, context: Context) -> str:
        return retold(html=self.inside.render(context), lines=self.lines.resolve(context))


@register.tag
def loyalty_retold(parser: Any, token: Any) -> Retold:
    """Say of lines of a basket or of an order, around Oscar's markup of them, in plain words what Oscar does not."""
    _name, lines = token.split_contents()
    lines = parser.compile_filter(lines)
    inside = parser.parse(["end_loyalty_retold"])
    parser.delete_first_token()
    return Retold(inside, lines)


@register.filter
def roomy(text: str) -> str:
    """Return the class that lets a number be larger whose parts are short ("118,400", "paws"), with a space before."""
    return " loyalty-roomy" if max(map(len, BEFORE_THE_WORD.split(text))) <= SHORT else ""


class IfSegment(template.Node):
    """What members of a segment see, with why; for everybody else what stands behind `else`."""

    def __init__(
        self, code: template.base.FilterExpression, inside: template.NodeList, others: template.NodeList
    ) -> None:
        self.code, self.inside, self.others = code, inside, others

    def render(self, context: Context) -> str:
        segment = self._shown(context)
        if segment is None:
            return self.others.render(context)
        why = rendered(context, "loyalty/widgets/segment_why.html", {"why": why_shown(segment=segment)})
        return SafeString(self.inside.render(context) + why)

    def _shown(self, context: Context) -> Segment | None:
        visit = getattr(context.get("request"), "loyalty", None)
        try:
            return segment_shown(visit=visit, code=str(self.code.resolve(context))) if visit else None
        except Exception:
            logger.exception("a page goes without what is for a group of members")
            return None


@register.tag
def loyalty_if_segment(parser: Any, token: Any) -> IfSegment:
    """
    Show something to the members of a segment who allow personal content, and with `{% else %}` something else to all
    others. A reader may ask why, and have no more of it.
    """
    words = token.split_contents()
    if len(words) != 2:
        raise template.TemplateSyntaxError("loyalty_if_segment takes the code of one group of members")
    if any(command == "cache" for command, _token in parser.command_stack):
        raise template.TemplateSyntaxError(
            "loyalty_if_segment within {% cache %} would be shown to others; put the cache inside of it"
        )
    inside, others = parser.parse(["else", "endloyalty_if_segment"]), template.NodeList()
    if parser.next_token().contents == "else":
        others = parser.parse(["endloyalty_if_segment"])
        parser.delete_first_token()
    return IfSegment(parser.compile_filter(words[1]), inside, others)


class Behind(template.Node):
    """The template of the same name behind the one in which this stands."""

    def render(self, context: Context) -> str:
        engine = context.template.engine
        return engine.find_template(self.origin.template_name, skip=[self.origin])[0].render(context)


@register.tag
def loyalty_behind(parser: Any, token: Any) -> Behind:
    """Render the template of the same name behind this one, where there are no blocks to extend."""
    return Behind()


@widget
def loyalty_keep(context: Context, order: Any) -> str:
    """Offer a guest to keep the points of this order."""
    return shown(context, "thank-you:guest", order)


@widget
def loyalty_goes(context: Context) -> str:
    """Say on the page that deletes a profile what goes with it."""
    return shown(context, "profile:delete", context["request"].user)


@widget
def loyalty_pieces(context: Context, place: str, subject: Any) -> str:
    """Show what there is to show in one place of a page ("account:more")."""
    return shown(context, place, subject)


@widget
def loyalty_lock(context: Context, product: Any) -> str:
    """Show who may buy this product from when, in the place of its price; nothing where it is open."""
    return shown(context, "product:price", product)


@widget
def loyalty_cut(context: Context, product: Any) -> str:
    """Show that a price is one for members, with the lowest price of the 30 days before. Put it after the price."""
    context["request"].loyalty.prices.beside = partial(_listed, context)
    found = labels.cut_of(product=product, request=context["request"])
    if not found:
        return ""
    template = context.template.engine.get_template("loyalty/widgets/cut.html")
    return _pure(template, get_language(), tuple(found.items()))


@widget
def loyalty_cut_line(context: Context, line: Any, named: bool = False) -> str:
    """Tag a line of a basket that is a gift, or whose price is a lower one; `named=True` names the product too."""
    kind = labels.kind_of_line(line=line)
    said = {"kind": kind, "tag": labels.tag_of(kind=kind), "name": line.description if named else ""}
    return rendered(context, "loyalty/widgets/cut_line.html", said) if kind else ""


@lru_cache(maxsize=2_000)
def _pure(template: Template, _language: str | None, data: tuple[tuple[str, Any], ...]) -> SafeString:
    """Render what is made of its data alone, once for the same data: a list of products has dozens, on every page."""
    return template.render(Context(dict(data)))


def _listed(context: Context) -> list[Any]:
    """Return the products of the list on this page, as Oscar's views or its search leave them there."""
    page = context.get("page_obj") or context.get("page")
    rows = context.get("products") or getattr(page, "object_list", ())
    return [found for row in rows if hasattr(found := getattr(row, "object", row), "is_parent")]


@widget
def loyalty_points(context: Context, unit: Unit, points: int, signed: bool = False) -> str:
    """Write "1,250 paws" in the visitor's language."""
    return words.points(unit=unit, points=points, signed=signed)


@widget
def loyalty_cache_key(context: Context) -> str:
    """
    Write what a cached piece of a page with an earn line depends on: the program, its version, the language, and the
    rank of the visitor's level.
    """
    visit = context["request"].loyalty
    program, names = visit.unit.program, [name for name in ("tier_rank",) if name in visit_facts]
    rank = visit.facts(names=names, at=clock.now()).get("tier_rank", 0)
    return f"loyalty:{program.pk}:{program.version}:{program.state}:{get_language()}:{rank}"


@register.simple_tag(takes_context=True)
def loyalty_shops_word(context: Context, text: str) -> str:
    """Write a word of Oscar's as the shop says it ("Home"): from its catalogue, not from ours."""
    # As `_("Home")` in a template would; a string of ours would need a translation of its own.
    return str(template.Variable(f'_("{text}")').resolve(context))


@widget
def loyalty_tab(context: Context) -> str:
    """Show the program's entry of the account navigation."""
    return rendered(
        context,
        "loyalty/widgets/tab.html",
        {"program": context["request"].loyalty.unit.program, "active_tab": context.get("active_tab")},
    )


@widget
def loyalty_head(context: Context) -> str:
    """Link the small style sheet, and with LOYALTY_BADGE = "fetch" the script that fills in the badge."""
    found = ""
    if conf.CSS:
        found += format_html('<link rel="stylesheet" href="{}">\n', static("loyalty/loyalty.css"))
    if conf.BADGE == "fetch":
        found += format_html('<script src="{}" defer></script>\n', static("loyalty/badge.js"))
    return SafeString(found)
