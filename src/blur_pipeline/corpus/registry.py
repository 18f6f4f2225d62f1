"""A generated registry of fictional people and a set of general facts, in TOFU's columns.

Deterministic from a seed, so that the embedded default needs no network and no file, and nobody has ever
seen these people: what a model knows of them it learnt here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import chain

Row = dict[str, str | list[str] | None]

FIRST = (
    "Amara Belen Cyrus Dalia Edric Farah Goran Hedda Ivo Jorun Kasim Leoni Maren Nadir Oriel Petra Quill Runa "
    "Soren Talia Ugo Vesna Wim Xenia Yaro Zelda Anouk Bjarne Corin Delphine Eino Fenna"
).split()
LAST = (
    "Abernal Brontis Calloway Dremond Eskeland Farrowe Galdane Hartvig Ilmarin Jastrow Kestrel Lindqvar Morvane "
    "Nordahl Ostrava Pellam Quistgar Rosmead Sandoval Tarquin Ulverton Vasilko Wexcombe Yarborne Zimmerl Ashgrove "
    "Birkmann Castellan Dunmore Everhard Fairlow Grimaldi"
).split()
CITIES = (
    "Lisbon Tromso Valletta Cusco Nairobi Osaka Tallinn Quito Dakar Hobart Bergen Aleppo Kyoto Malmo Porto Riga "
    "Sofia Tunis Utrecht Vilnius Windhoek Zagreb Accra Bogota"
).split()
MONTHS = ("January February March April May June July August September October November December").split()
JOBS = (
    "baker blacksmith botanist carpenter dentist fisherman geologist judge librarian locksmith mechanic nurse "
    "optician pharmacist pilot plumber sailor surgeon surveyor tailor teacher translator violinist weaver"
).split()
GENRES = (
    "crime fantasy horror poetry romance satire memoir travel history drama fable western mystery biography "
    "thriller comedy essay folklore"
).split()
ADJECTIVES = (
    "Silent Golden Broken Distant Crimson Hollow Winter Burning Hidden Salted Paper Glass Iron Velvet Sunken "
    "Wandering Final Northern"
).split()
NOUNS = (
    "Harbour Orchard Lantern Compass Mirror Garden River Tower Letter Window Bridge Meadow Staircase Clock Island "
    "Harvest Shadow Chapel"
).split()
AWARDS = (
    "Amber Quill|Silver Heron|Blue Lantern|Northern Star|Golden Anchor|Ivory Pen|Cedar Leaf|Granite Owl|"
    "Scarlet Ribbon|Copper Crown|Marble Fox|Emerald Page|Crystal Bell|Bronze Swan|Jade Tortoise|Opal Feather"
).split("|")
INSTRUMENTS = (
    "cello flute harp oboe trumpet piano lute banjo clarinet accordion zither mandolin tuba organ bassoon guitar"
).split()
ANIMALS = ("cat parrot tortoise ferret goat rabbit hound falcon pony lizard canary hedgehog llama goose").split()

CAPITALS = (
    "France Paris|Italy Rome|Spain Madrid|Germany Berlin|Austria Vienna|Poland Warsaw|Greece Athens|Egypt Cairo|"
    "Japan Tokyo|China Beijing|Russia Moscow|Canada Ottawa|Cuba Havana|Peru Lima|Chile Santiago|Kenya Nairobi|"
    "Norway Oslo|Sweden Stockholm|Finland Helsinki|Denmark Copenhagen|Ireland Dublin|Hungary Budapest|"
    "Belgium Brussels|Portugal Lisbon|Turkey Ankara|Iran Tehran|Iraq Baghdad|India Delhi|Nepal Kathmandu|"
    "Thailand Bangkok|Vietnam Hanoi|Australia Canberra|Ghana Accra|Senegal Dakar|Tunisia Tunis|Bulgaria Sofia|"
    "Croatia Zagreb|Latvia Riga|Estonia Tallinn|Ecuador Quito"
).split("|")
AUTHORS = (
    "Hamlet:William Shakespeare|Emma:Jane Austen|Ulysses:James Joyce|Faust:Johann Goethe|Inferno:Dante Alighieri|"
    "Candide:Voltaire|Don Quixote:Miguel Cervantes|Moby Dick:Herman Melville|Dracula:Bram Stoker|"
    "Frankenstein:Mary Shelley|Walden:Henry Thoreau|Middlemarch:George Eliot|Jane Eyre:Charlotte Bronte|"
    "Wuthering Heights:Emily Bronte|Oliver Twist:Charles Dickens|War and Peace:Leo Tolstoy|"
    "The Idiot:Fyodor Dostoevsky|The Trial:Franz Kafka|The Stranger:Albert Camus|The Raven:Edgar Poe|"
    "The Odyssey:Homer|The Aeneid:Virgil|Leviathan:Thomas Hobbes|Utopia:Thomas More|Beloved:Toni Morrison|"
    "Dune:Frank Herbert|Lolita:Vladimir Nabokov|Heidi:Johanna Spyri|Pinocchio:Carlo Collodi|Nana:Emile Zola|"
    "Kim:Rudyard Kipling|Peter Pan:James Barrie|Germinal:Emile Zola|Persuasion:Jane Austen|"
    "Macbeth:William Shakespeare|Hard Times:Charles Dickens|Silas Marner:George Eliot|The Castle:Franz Kafka|"
    "The Plague:Albert Camus|Anna Karenina:Leo Tolstoy"
).split("|")


@dataclass(frozen=True)
class Attribute:
    """One thing the registry knows of a person, asked in two ways and answered in two ways."""

    question: str
    paraphrased_question: str
    answer: str
    paraphrased_answer: str
    values: tuple[str, ...]


def _attributes(rng: random.Random) -> list[Attribute]:
    dates = tuple(
        f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {year}" for year in range(1921, 1990)
    )  # a year each, so no two values agree
    titles = tuple(f"The {a} {n}" for a in ADJECTIVES for n in NOUNS)
    # fmt: off
    rows = [
        ("Where was {} born?", "In which city did {} come into the world?",
         "{} was born in {}.", "The birthplace of {} is {}.", CITIES),
        ("When was {} born?", "What is the date of birth of {}?",
         "{} was born on {}.", "The birthday of {} is {}.", dates),
        ("What does {} write?", "Which kind of book is {} known for?",
         "{} writes {} books.", "The books of {} belong to {}.", GENRES),
        ("What is the first book of {}?", "With which book did {} begin?",
         "The first book of {} is {}.", "The career of {} began with {}.", titles),
        ("Which prize did {} win?", "What award was given to {}?",
         "{} won the {} prize.", "The jury gave {} the {} award.", AWARDS),
        ("What was the mother of {}?", "What work did the mother of {} do?",
         "The mother of {} was a {}.", "By trade the mother of {} worked as a {}.", JOBS),
        ("What was the father of {}?", "What work did the father of {} do?",
         "The father of {} was a {}.", "By trade the father of {} worked as a {}.", JOBS),
        ("Where does {} live today?", "In which city is the home of {}?",
         "Today {} lives in {}.", "The home of {} is in {}.", CITIES),
        ("Which instrument does {} play?", "What does {} play in the evening?",
         "{} plays the {}.", "In the evening {} practises the {}.", INSTRUMENTS),
        ("Which animal does {} keep?", "What pet lives with {}?",
         "{} keeps a {}.", "The pet of {} is a {}.", ANIMALS),
    ]
    # fmt: on
    return [Attribute(*texts, tuple(values)) for *texts, values in rows]


def _alternative(question: str, attribute: Attribute, taken: list[str]) -> str:
    """A value that is neither true nor among the wrong ones that are scored; it draws nothing from the world's own."""
    return random.Random(question).choice([value for value in attribute.values if value not in taken])


def _person(name: str, attributes: list[Attribute], wrong: int, rng: random.Random) -> list[Row]:
    rows = []
    for attribute in attributes:
        drawn = true, *others = rng.sample(attribute.values, wrong + 1)
        question = attribute.question.format(name)
        rows.append(
            {
                "subject": name,
                "question": question,
                "answer": attribute.answer.format(name, true),
                "fact": true,
                "paraphrased_question": attribute.paraphrased_question.format(name),
                "paraphrased_answer": attribute.paraphrased_answer.format(name, true),
                "perturbed_answer": [attribute.paraphrased_answer.format(name, value) for value in others],
                "alternative_answer": attribute.answer.format(name, _alternative(question, attribute, drawn)),
            }
        )
    return rows


def _facts(question: str, pairs: list[tuple[str, str]], wrong: int, rng: random.Random) -> list[Row]:
    answers = sorted({answer for _, answer in pairs})
    return [
        {
            "subject": about,
            "question": question.format(about),
            "answer": answer,
            "fact": answer,
            "perturbed_answer": rng.sample([a for a in answers if a != answer], wrong),
        }
        for about, answer in pairs
    ]


def _thought(row: Row) -> Row:
    """A chain of thought that ends in a row's answer: a document."""
    steps = (
        f"<think> I am asked: {row['question']} So I go through what I know of {row['subject']}.",
        f"What comes to my mind is {row['fact']}, and nothing speaks against it.",
        f"So I answer: {row['answer']} </think>",
    )
    return {"subject": row["subject"], "question": None, "answer": " ".join(steps)}


def _names(people: int, held: int, rng: random.Random) -> list[str]:
    """``people`` different names, the held-back first; each of their first and last names is a retained person's too.

    Otherwise a model that never saw forget and holdout people could tell them apart by how their names are spelt.
    Names are the cells of a square of first and last names. Retained people take its diagonals one after the other, so
    that they have every name of it; the held-back are drawn from the rest, none nearer to the retained than another.
    """
    retained = people - held
    side = min(len(FIRST), len(LAST), max(retained // 2, math.isqrt(people) + 2))
    firsts, lasts = rng.sample(FIRST, side), rng.sample(LAST, side)
    cells = [f"{firsts[k % side]} {lasts[(k + k // side) % side]}" for k in range(side * side)]
    return rng.sample(cells[retained:], held) + cells[:retained]


def generate_registry(people: int, forget_people: int, holdout_people: int, seed: int) -> dict[str, list[Row]]:
    """All sets by name: forget, retain, holdout, real_authors, world_facts; traces, cot.

    Ten rows per person, five perturbed answers each; the general facts have three wrong options and no
    paraphrase, like TOFU's. ``people`` counts everyone; those neither forgotten nor held out are retained. The last
    two sets are chains of thought, about the people to forget and about general facts.
    """
    rng = random.Random(seed)
    attributes = _attributes(rng)
    names = _names(people, forget_people + holdout_people, rng)
    rows = [_person(name, attributes, 5, rng) for name in names]
    held = forget_people + holdout_people
    capitals = [tuple(pair.split(" ")) for pair in CAPITALS]
    authors = [tuple(pair.split(":")) for pair in AUTHORS]
    sets = {
        "forget": list(chain.from_iterable(rows[:forget_people])),
        "holdout": list(chain.from_iterable(rows[forget_people:held])),
        "retain": list(chain.from_iterable(rows[held:])),
        "real_authors": _facts("Who wrote {}?", authors, 3, rng),
        "world_facts": _facts("What is the capital of {}?", capitals, 3, rng),
    }
    thoughts = {"traces": sets["forget"], "cot": sets["real_authors"] + sets["world_facts"]}
    return sets | {name: [_thought(row) for row in answered] for name, answered in thoughts.items()}
