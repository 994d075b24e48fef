"""
The store developer's door: what a store may register, from a `loyalty_rules.py` in any of its apps.

    from loyalty_oscar import extend

    @extend.earning_rules.register("per-kilo")
    @dataclass(frozen=True, kw_only=True, slots=True)
    class PerKilo: ...

A code is for ever, because rows name it. A second claim to a code is refused, and so is what cannot be called as its
protocol says. Hooks (`order_effects`, `doctor_checks`, …) also take a number: `register(name, order=35)`.
"""

from loyalty_oscar.earning.rules import Condition, EarningRule, conditions, earning_rules
from loyalty_oscar.journeys.cases import CaseKind, case_kinds
from loyalty_oscar.journeys.channels import Channel, Message, channels
from loyalty_oscar.journeys.occasions import Occasion, occasions
from loyalty_oscar.journeys.questions import Choice, Question, questions
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.kernel.signatures import WrongSignature
from loyalty_oscar.ledger.givers import Giver, Share, givers
from loyalty_oscar.program import contributions
from loyalty_oscar.program.contributions import Contribution
from loyalty_oscar.program.events import Consumer, NotSent, NotYet, PerhapsSent, consumers
from loyalty_oscar.program.hooks import (
    DataExport,
    EarnRate,
    Erasure,
    LevelCount,
    LevelList,
    MemberFinder,
    MergePart,
    MomentNote,
    OrderEffect,
    OrderFinder,
    ProductPicker,
    ProgramPages,
    ProgramWarning,
    RewardUse,
    SetUse,
    StateChangeNote,
    data_exports,
    earn_rates,
    erasures,
    level_counts,
    level_lists,
    member_finders,
    merge_parts,
    moment_notes,
    order_effects,
    order_finders,
    product_names,
    product_pickers,
    program_pages,
    program_warnings,
    reward_uses,
    segment_uses,
    set_uses,
    shop_countries,
    shop_currencies,
    state_change_notes,
)
from loyalty_oscar.program.paying import Payments, payments
from loyalty_oscar.program.registries import (
    FactProvider,
    Grant,
    OrderFact,
    OrderMetric,
    RewardKind,
    Trait,
    facts,
    grants,
    metrics,
    order_facts,
    reward_kinds,
    traits,
)
from loyalty_oscar.program.tasks import backends as task_backends
from loyalty_oscar.program.words import reasons
from loyalty_oscar.referrals.rules import Person, ReferralCheck, referral_checks
from loyalty_oscar.shop.dashboard.members import MemberColumn, member_columns
from loyalty_oscar.shop.front.checklist import LaunchCheck, Tick, launch_checks
from loyalty_oscar.shop.front.planned import Planned, PlannedList, planned_lists
from loyalty_oscar.shop.notices import report_bounce
from loyalty_oscar.shop.notices.letters import LanguageSource, languages
from loyalty_oscar.shop.orders.backfill import Welcoming, backfills
from loyalty_oscar.shop.orders.elsewhere import admitted_elsewhere
from loyalty_oscar.shop.orders.range_guard import Closing, closings
from loyalty_oscar.shop.pricing.audiences import Pricing, pricings
from loyalty_oscar.shop.pricing.gate import Gate, gates
from loyalty_oscar.shop.pricing.reductions import Cut, PriceReduction, price_reductions
from loyalty_oscar.shop.rehearsal import RehearsalPart, rehearsal_parts
from loyalty_oscar.shop.storefront.host_events import (
    HostListener,
    act,
    address_confirmed,
    brought,
    host_listeners,
    undo_act,
)
from loyalty_oscar.shop.storefront.newcomers import FirstStep, Step, first_steps
from loyalty_oscar.shop.storefront.offer_hooks import BasketLevels, basket_levels
from loyalty_oscar.shop.storefront.promised import PromisedPart, PurchaseGifts, purchase_gifts
from loyalty_oscar.shop.storefront.reasons import (
    OrderQuote,
    OrderReasons,
    ReasonWords,
    brief_reason_words,
    order_quotes,
    order_reasons,
    reason_words,
)
from loyalty_oscar.shop.storefront.request_hooks import (
    CheckoutGuard,
    PageContext,
    PageGuard,
    ResponseHook,
    ViewFrame,
    checkout_guards,
    page_contexts,
    page_guards,
    response_hooks,
    view_frames,
)
from loyalty_oscar.shop.upkeep.doctor import Finding, Level, doctor_checks
from loyalty_oscar.shop.upkeep.presets import Preset, presets
from loyalty_oscar.shop.upkeep.setup import ReadyLevel, SetupStep, setup_steps
from loyalty_oscar.shop.upkeep.uninstall import UninstallNote, UninstallStep, uninstall_notes, uninstall_steps
from loyalty_oscar.shop.upkeep.wizard import PresetCost, PresetCosts, preset_costs

__all__ = [
    "BadRule",
    "BasketLevels",
    "Because",
    "CaseKind",
    "Channel",
    "CheckoutGuard",
    "Choice",
    "Closing",
    "Condition",
    "Consumer",
    "Contribution",
    "Cut",
    "DataExport",
    "EarnRate",
    "EarningRule",
    "Erasure",
    "FactProvider",
    "Finding",
    "FirstStep",
    "Gate",
    "Giver",
    "Grant",
    "HostListener",
    "LanguageSource",
    "LaunchCheck",
    "Level",
    "LevelCount",
    "LevelList",
    "LineFacts",
    "MemberColumn",
    "MemberFinder",
    "MergePart",
    "Message",
    "MomentNote",
    "NotSent",
    "NotYet",
    "Occasion",
    "OrderEffect",
    "OrderFact",
    "OrderFacts",
    "OrderFinder",
    "OrderMetric",
    "OrderQuote",
    "OrderReasons",
    "PageContext",
    "PageGuard",
    "Payments",
    "PerhapsSent",
    "Person",
    "Planned",
    "PlannedList",
    "Preset",
    "PresetCost",
    "PresetCosts",
    "PriceReduction",
    "Pricing",
    "ProductPicker",
    "ProgramPages",
    "ProgramWarning",
    "PromisedPart",
    "Purchase",
    "PurchaseGifts",
    "Question",
    "ReadyLevel",
    "ReasonWords",
    "ReferralCheck",
    "RehearsalPart",
    "ResponseHook",
    "RewardKind",
    "RewardUse",
    "SetUse",
    "SetupStep",
    "Share",
    "StateChangeNote",
    "Step",
    "Tick",
    "Trait",
    "UninstallNote",
    "UninstallStep",
    "ViewFrame",
    "Welcoming",
    "WrongSignature",
    "act",
    "address_confirmed",
    "admitted_elsewhere",
    "backfills",
    "basket_levels",
    "brief_reason_words",
    "brought",
    "case_kinds",
    "channels",
    "checkout_guards",
    "closings",
    "conditions",
    "consumers",
    "contributions",
    "data_exports",
    "doctor_checks",
    "earn_rates",
    "earning_rules",
    "erasures",
    "facts",
    "first_steps",
    "gates",
    "givers",
    "grants",
    "host_listeners",
    "languages",
    "launch_checks",
    "level_counts",
    "level_lists",
    "member_columns",
    "member_finders",
    "merge_parts",
    "metrics",
    "moment_notes",
    "occasions",
    "order_effects",
    "order_facts",
    "order_finders",
    "order_quotes",
    "order_reasons",
    "page_contexts",
    "page_guards",
    "payments",
    "planned_lists",
    "preset_costs",
    "presets",
    "price_reductions",
    "pricings",
    "product_names",
    "product_pickers",
    "program_pages",
    "program_warnings",
    "purchase_gifts",
    "questions",
    "reason_words",
    "reasons",
    "referral_checks",
    "rehearsal_parts",
    "report_bounce",
    "response_hooks",
    "reward_kinds",
    "reward_uses",
    "segment_uses",
    "set_uses",
    "setup_steps",
    "shop_countries",
    "shop_currencies",
    "state_change_notes",
    "task_backends",
    "traits",
    "undo_act",
    "uninstall_notes",
    "uninstall_steps",
    "view_frames",
]
