"""Why an account may not stand in a Metro 2 file: every code with what is wrong and what to do about it."""

from collections.abc import Mapping

from app.domain.credit_refusals import Refusal

DETAILS: Mapping[str, str] = {
    "ACCOUNT_NUMBER": "The account number has up to 30 capital letters and digits, nothing else; map it.",
    "ACCOUNT_NUMBER_SSN": "The account number contains the Social Security number; use another.",
    "ACCOUNT_NUMBER_SHARED": "Another loan of the lender has it but for punctuation or case; give one another number.",
    "CURRENCY": "The file is in US dollars; report this loan where its currency is reported.",
    "OPENED_LATER": "It was opened after the day it is reported as of; correct one of the two.",
    "DATE_ORDER": "The day lies before the opening or after the day reported; correct it or the other.",
    "CLOSED_MISSING": "This status needs the day the account was closed; give it.",
    "CLOSED_BEFORE": "It was closed in an earlier month and was reported then; leave it out.",
    "CLOSED_OPEN": "This status is of an open account; take the closing date away.",
    "AMOUNT_RANGE": "The amount is below zero or above 999,999,999 dollars; report zero or correct.",
    "ORIGINAL_ZERO": "The original amount is less than a dollar; give what was lent.",
    "PAST_DUE_ABOVE_BALANCE": "More is past due than is owed; correct the balance.",
    "PAST_DUE_CURRENT": "Status 11 is current: only what is 30 days late counts; set zero.",
    "PAST_DUE_MISSING": "This status needs the sum that is 30 days late and more; give it.",
    "BALANCE_CLOSED": "This status owes nothing: balance, sum past due and payment must be zero.",
    "CHARGE_OFF_MISSING": "This status tells what was charged to loss; give it.",
    "CHARGE_OFF_PAST_DUE": "Of a charged-off account all that is owed is past due; set it.",
    "DOFD_MISSING": "This status needs the date of first delinquency; give it.",
    "DOFD_TOO_YOUNG": "It is younger than the lateness reported; never move it.",
    "DOFD_PETITION": "A current account in bankruptcy tells the petition's day; give it.",
    "DOFD_CURRENT": "This status is not delinquent: there must be no date of first delinquency.",
    "HISTORY_VALUES": "The history is 24 of 0-6, B, D, E, G, H, J, K, L, newest first; rebuild it.",
    "HISTORY_B_INSIDE": "B fills the end only; a month that was not reported is D.",
    "HISTORY_BEFORE_OPENING": "It tells months before the account was opened; fill those with B.",
    "HISTORY_JUMP": "From one month to the next it grows later by more than a month; correct the months before.",
    "RATING": "A payment rating stands with status 05, 13, 65, 88, 89, 94 and 95 alone; give or remove it.",
    "FREQUENCY": "How often it falls due is not one of Metro 2's letters; map it.",
    "CONDITION": "The compliance condition code is none of XA to XH, XJ and XR; correct it.",
    "CONDITION_NOTHING": "XR removes a code, and none stands; leave the field blank.",
    "SETTLED_FOR_ALL": "Settled for less, yet nothing was given up; report it as paid.",
    "ADDRESS": "The address is missing; give it.",
    "ECOA_ALONE": "ECOA 1 is of one person alone, and others owe it too; give 2 or 5.",
    "ECOA_JOINT": "ECOA 2 is joint: name the other in `associated`.",
    "NAME": "The name needs Latin letters, digits, hyphens and spaces; give it so.",
    "SSN": "This is no Social Security number (a taxpayer's number is none); leave it out.",
    "SSN_OR_BIRTH": "Without a Social Security number the date of birth is needed; give one.",
    "TELEPHONE": "A telephone number is ten digits, area code first; leave others out.",
    "GENERATION": "The generation is J, S or 2 to 9; correct it or leave it out.",
    "ECOA": "The ECOA code is none that may be reported; correct it.",
    "INDICATOR": "The consumer information indicator is unknown; correct it.",
    "ADDRESS_LETTERS": "Street and city need Latin letters and must not be empty; give them so.",
    "ADDRESS_US": "A US address has a state's two letters and a ZIP code of 5 or 9 digits; correct it.",
    "OPENED_CHANGED": "The opening date never changes; report the first one.",
    "HISTORY_BROKEN": "It does not continue the month before; roll it on, or send a correction.",
    "DOFD_MOVED": "It was moved, and the account was not cured; keep the first date.",
    "OTHER_MONTH": "The file is of another month; leave this account out of it.",
}


def refusal(field: str, code: str) -> Refusal:
    """Return the refusal of a field under its code."""
    return Refusal(field, code, DETAILS[code])
