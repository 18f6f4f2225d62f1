"""Parameters, the YAML that holds them, and options of the command line."""

from tests.bad_inputs.row import BadInput, both, bytes_in, changed, lines

LOCAL = "conf/own_data/parameters_more.yml"


def refused(key: str, value: object, words: str = "") -> BadInput:
    """A parameter of the command line whose own name the sentence must say."""
    return BadInput(f"{key}={value}", words or rf"'{key}", params=f"{key}={value}")


NUMBERS = [
    refused("seed", -1),
    refused("seed", 2**32),
    refused("seed", 2**63),
    refused("seed", "9" * 400, "'seed'|seed"),
    refused("seed", 1.5),
    refused("seed", "nan"),
    refused("curation.seed", 2**32),
    refused("models.seed", -3),
    refused("unlearning.seed", 2**40),
    BadInput("unlearning.seeds=0 -1", r"'unlearning\.seeds\.1'", params="unlearning.seeds=0 -1"),
    refused("evaluation.bootstrap_samples", 100_000_000_000),
    refused("evaluation.bootstrap_samples", 99),
    refused("evaluation.max_new_tokens", 1_000_000_000),
    refused("evaluation.max_new_tokens", 0),
    refused("evaluation.set_new_tokens.forget", -5),
    refused("evaluation.set_new_tokens.forgot", 5),
    refused("evaluation.generation_batch", 10**12),
    refused("evaluation.tokens_per_batch", 10**15),
    refused("evaluation.tokens_per_batch", 0),
    refused("evaluation.keep_days", 10**9),
    refused("evaluation.published_a", 1.0),
    refused("general.batch_size", 10**9),
    refused("safety.max_new_tokens", 10**9),
    refused("safety.template", "nothing", r"hold \{prompt\} and \{completion\}"),
    refused("curation.max_length", 8),
    refused("curation.max_length", 10**12),
    refused("curation.max_length", 300, "'curation.max_length' is 300, but the model sees at most 256"),
    refused("curation.holdout_fraction", 1.0),
    refused("curation.overlap.threshold", 0),
    refused("curation.evaluation_rows", 0),
    refused("training.processes", 10_000),
    refused("training.processes", 0),
    refused("training.nodes", 2, "several nodes need training.rendezvous"),
    refused("training.rendezvous", "here"),
    refused("training.sharding", "fsdp", "needs training.processes"),
    refused("training.micro_batch_size", -1),
    refused("training.checkpoint_every", 0),
    refused("training.checkpoints_kept", 10**7),
    refused("training.precision", "fp8"),
    refused("training.layout", "up"),
    refused("unlearning.schedule.batch_size", 10**12),
    refused("unlearning.schedule.epochs", "inf"),
    refused("unlearning.schedule.epochs", 10**9),
    refused("unlearning.schedule.steps", 10**12),
    refused("unlearning.schedule.warmup_epochs", -1),
    refused("unlearning.schedule.max_grad_norm", "nan"),
    refused("unlearning.schedule.lr_curve", "step"),
    refused("unlearning.schedule.topics", "turns"),
    refused("unlearning.methods.npo.schedule.epochs", "inf", r"epochs"),
    refused("unlearning.methods.npo.forget.beta", 0),
    refused("unlearning.methods.npo.optimizer.lr", "nan"),
    refused("unlearning.methods.npo.scope.rank", 8, r"unlearning\.methods\.npo\.scope"),
    refused("unlearning.methods.rmu.forget.direction_seed", 2**70),
    refused("unlearning.methods.blur_npo.weighting.gamma", "inf", "weighting.gamma.: input should be a finite number"),
    refused("models.target.schedule.epochs", 10**9),
    refused("models.base.hidden_size", 10**9),
    refused("models.base.hidden_size", 0),
    refused("models.base.layers", 10**6),
    refused("models.base.vocab_size", 200),
    refused("models.base.vocab_size", 10**9),
    refused("models.base.context", 10**9),
    refused("models.base.heads", 3, r"'models\.base.*hidden_size is 128 and heads 3"),
    refused("models.base.heads", 128, r"hidden_size is 128 and heads 128"),
    BadInput(
        "a fresh model of 10^11 weights",
        r"'models\.base.*has 1\.\de\+11 weights",
        params="models.base.hidden_size=16384,models.base.intermediate_size=65536,models.base.layers=24",
    ),
    refused("reporting.examples", -1),
    refused("reporting.request.id", "R" * 65),
    refused("reporting.request.id", "R\u202e7", "'reporting.request.id': give one line of printable characters"),
    refused("reporting.request.received", "yesterday", "'reporting.request.received': give a date as 2026-11-03"),
    BadInput(
        "a bell in a text",
        r"'reporting\.request\.basis': give one line",
        lines(r'reporting: {request: {basis: "\a"}}', path=LOCAL),
    ),
]

NAMES = [
    refused("method", "blurr", "unknown method 'blurr'; did you mean 'blur_"),
    refused("methdo", "npo", "'methdo' is unknown"),
    refused("curation.max_lenght", 10, "'curation.max_lenght' is unknown"),
    refused("sources.forgot.path", "x", "'sources.forgot' is unknown"),
    refused("device", "gpu"),
    refused("fresh", "maybe"),
    refused("benchmark", "../x", "'benchmark'"),
    refused("benchmark", "a/b", "'benchmark'"),
    refused("benchmark", "''", "'benchmark'"),
    refused("benchmark", "b" * 65, "'benchmark'"),
    refused("variant", "../../x"),
    refused("checkpoint_folder", "/elsewhere", "checkpoints must lie inside data/"),
    refused("checkpoint_folder", "data/../../x", "checkpoints must lie inside data/"),
    refused("models.base.kind", "random", "'models.base'.*'random'"),
    refused("models.target.kind", "gven", "'models.target'.*'gven'"),
    refused("models.retrained.kind", "scores", r"'models\.retrained.*path"),
    refused("sources.forget.kind", "hub", r"'sources\.forget"),
    refused("sources.forget.rows", "tables"),
    refused("curation.prompt.kind", "chat", "a fresh model has no chat template"),
    refused("curation.unicode", "NFX"),
    refused("curation.overlap.policy", "ignore"),
    refused("reporting.register_model", "move"),
    refused("data_from", "disk"),
    BadInput(
        "a layer that the model does not have",
        r"'unlearning\.methods\.rmu\.forget\.layer' is 99, but the model has layers 0 to 1",
        params="method=rmu,unlearning.methods.rmu.forget.layer=99",
    ),
    BadInput(
        "a retain layer that the model does not have",
        r"'unlearning\.methods\.rmu\.retain\.layer' is 2, but the model has layers 0 to 1",
        params="method=rmu,unlearning.methods.rmu.retain.layer=2",
    ),
    BadInput(
        "a last layer that the model does not have",
        r"'unlearning\.methods\.layers_npo\.scope\.last' is 2, but the model has layers 0 to 1",
        params="method=layers_npo,unlearning.methods.layers_npo.scope.last=2",
    ),
    BadInput(
        "a scope that looks at a sharded model",
        "'wagle_npo' looks at the whole model .* use ddp",
        params="method=wagle_npo,training.sharding=fsdp,training.processes=2",
    ),
    BadInput(
        "experts of a dense model",
        "'npo' chooses among the experts of a model, but this one has none",
        params="method=npo,unlearning.methods.npo.scope.kind=seuf",
    ),
    BadInput("two methods at once", "'method' is blur_npo and 'unlearning.method' npo", params="unlearning.method=npo"),
]

OPTIONS = [
    refused("method", "blurr", "unknown method 'blurr'; did you mean 'blur_"),
    BadInput(
        "a campaign of a method that is not there",
        r"conf/campaigns/bad\.yml: there is no method 'rmuu'; did you mean 'rmu'",
        make=lines("methods: [rmuu]", path="conf/campaigns/bad.yml"),
        params="campaign.path=conf/campaigns/bad.yml",
        options=("--pipelines", "campaign"),
    ),
    BadInput(
        "a campaign in a storage that is none",
        "The campaign's storage nonsense cannot be opened",
        make=lines("storage: nonsense", path="conf/campaigns/bad.yml"),
        params="campaign.path=conf/campaigns/bad.yml",
        options=("--pipelines", "campaign"),
    ),
    BadInput(
        "one seed of several", "at least two different", params="unlearning.seeds=3", options=("--pipelines", "seeds")
    ),
    BadInput(
        "all anew for each of several seeds",
        "'fresh' would make the target model anew for each seed",
        params="unlearning.seeds=3 4,fresh=true",
        options=("--pipelines", "seeds"),
    ),
    BadInput(
        "shadows of a model that exists already",
        r"'models\.target\.kind' is given: shadow models are trained",
        params="models.target.kind=given,models.target.path=data",
        options=("--pipelines", "shadows"),
    ),
    BadInput("shadows with others", "shadows runs alone; ask for seeds", options=("--pipelines", "shadows,seeds")),
    BadInput("a variant of no benchmark", "The parameters do not resolve", env="tofu", params="variant=forget20"),
    BadInput("an environment that is not there", r"no environment 'nosuch'; there are muse_.*own_data", env="nosuch"),
    BadInput("an environment misspelt", r"no environment 'own_dat'; did you mean 'own_data'\?", env="own_dat"),
    BadInput(
        "a benchmark whose files nobody has given",
        r"data/01_raw/tofu: no such folder; .*source_folder=.*, or data_from=hub",
        env="tofu",
    ),
    BadInput(
        "a benchmark's folder that is not there",
        r"nowhere: no such folder; .*source_folder=.*, or data_from=hub",
        env="muse_news",
        params="source_folder=nowhere",
    ),
    BadInput(
        "files that no hub has",
        r"data/01_raw/tofu: no such folder; .*--params source_folder=[^,]*\.$",
        env="smollm2",
    ),
    BadInput("a pipeline misspelt", "no pipeline 'unlerning'; did you mean", options=("--pipelines", "unlerning")),
    BadInput("a node that is not there", "no node 'nosuch'; see `kedro registry", options=("--nodes", "nosuch")),
    BadInput(
        "a node misspelt",
        "no node 'models.unlearning.unlern'; did you mean 'models.unlearning.unlearn'",
        options=("--from-nodes", "models.unlearning.unlern"),
    ),
    BadInput("an output that is not there", "nosuch", options=("--to-outputs", "nosuch")),
    BadInput("a tag that no node has", "no tag 'nosuch'; there are .*unlearning", options=("--tags", "nosuch")),
    BadInput("a tag beside one that there is", "no tag 'nosuch'", options=("--tags", "unlearning,nosuch")),
    BadInput("a runner of threads", "leave --runner out", options=("--runner", "ThreadRunner")),
    BadInput(
        "a version that was never made",
        "--load-versions tokenizer:2020-01-01T00.00.00.000Z: no such version",
        options=("--load-versions", "tokenizer:2020-01-01T00.00.00.000Z"),
    ),
    BadInput("a part without what comes before", "starts from .*, which no run", options=("--pipelines", "reporting")),
]

YAML = [
    BadInput(
        "a key twice",
        r"parameters\.yml, line \d+: not valid YAML \('sources' stands twice\)",
        make=lines("sources: {}"),
    ),
    BadInput(
        "the same key in two files",
        "Duplicate keys found",
        make=lines("models: {base: {vocab_size: 1300}}", path=LOCAL),
    ),
    BadInput("a tab", r"parameters_more\.yml, line 2: not valid YAML", make=lines("a:", "\tb: 1", path=LOCAL)),
    BadInput(
        "a bracket left open in a preset",
        r"ssd\.yml, line \d+: not valid YAML",
        make=lines("a: [1, 2", path="conf/base/parameters/methods/ssd.yml"),
    ),
    BadInput("a bracket left open", r"parameters_more\.yml, line 2", make=lines("a: [1, 2", path=LOCAL)),
    BadInput(
        "a Python tag",
        r"parameters_more\.yml, line 1: .*python/object",
        make=lines("a: !!python/object/apply:os.system ['true']", path=LOCAL),
    ),
    BadInput("an unknown anchor", r"parameters_more\.yml, line 1: .*undefined alias", make=lines("a: *b", path=LOCAL)),
    BadInput(
        "not UTF-8",
        r"parameters_more\.yml, line 2: not UTF-8",
        make=bytes_in(LOCAL, "# a\n_a: für\n".encode("latin-1")),
    ),
    BadInput("UTF-16", r"parameters_more\.yml, line 1: not UTF-8", make=bytes_in(LOCAL, "_a: 1\n".encode("utf-16"))),
    BadInput("a null character", r"parameters_more\.yml, line 2: a character", make=bytes_in(LOCAL, b"# a\n_a: \0\n")),
    BadInput("a list on top", r"parameters_more\.yml: a list at the top", make=lines("- a", "- b", path=LOCAL)),
    BadInput("a text on top", "'hello' is unknown", make=lines("hello", path=LOCAL)),
    BadInput("a number as a name", "name '1' is no text", make=lines("1: a", path=LOCAL)),
    BadInput(
        "YAML nested a thousand deep",
        r"parameters_more\.yml: nested too deeply",
        make=lines("_a: " + "[" * 1500 + "]" * 1500, path=LOCAL),
    ),
    BadInput("an interpolation to nothing", "do not resolve.*nope", make=lines("_a: ${globals:nope}", path=LOCAL)),
    BadInput("an interpolation within the file", "do not resolve.*nope", make=lines("_a: ${nope.b}", path=LOCAL)),
    BadInput("an interpolation in a circle", "do not resolve", make=lines("_a: ${_b}", "_b: ${_a}", path=LOCAL)),
    BadInput("an interpolation left open", "do not resolve", make=lines("_a: ${_b", path=LOCAL)),
    BadInput("a resolver that is not there", "do not resolve.*nope", make=lines("_a: ${nope:x}", path=LOCAL)),
    BadInput(
        "a variable that is not set",
        "do not resolve.*NOPE_DIR",
        make=lines("source_folder: ${oc.env:NOPE_DIR}", path=LOCAL),
    ),
    BadInput(
        "a password of the environment, named almost like a place",
        "environment variable 'DB_PWD'",
        make=lines("source_folder: ${oc.env:DB_PWD}", path=LOCAL),
        seen={"DB_PWD": "hush-hush"},
    ),
    BadInput(
        "a secret by way of globals",
        "environment variable 'SECRET'",
        make=both(
            lines("_s: ${oc.env:SECRET}", path="conf/own_data/globals.yml"), lines("source_folder: x", path=LOCAL)
        ),
        seen={"SECRET": "hush-hush"},
    ),
    BadInput("a list where a block should be", "'curation'", make=changed(curation=[1, 2])),
    BadInput("a text where a block should be", "'models'", make=changed(models="small")),
    BadInput("nothing where a block should be", "'sources.forget'", make=changed(sources__forget=None)),
    BadInput(
        "infinity",
        "'unlearning.methods.blur_npo.weighting.gamma'",
        make=changed(unlearning__methods__blur_npo__weighting__gamma=float("inf")),
    ),
    BadInput("globals that are a list", r"globals\.yml: a list", make=bytes_in("conf/own_data/globals.yml", b"- a\n")),
]

OTHER_FILES = [
    BadInput(
        "a secret on the command line",
        "environment variable 'HF_TOKEN'",
        params="source_folder=${oc.env:HF_TOKEN}",
        seen={"HF_TOKEN": "hush-hush"},
    ),
    BadInput(
        "a catalog that is no YAML",
        r"catalog_more\.yml, line \d",
        make=lines("a: [", path="conf/own_data/catalog_more.yml"),
    ),
    BadInput(
        "a dataset without a type",
        "'raw_rows'.*catalog",
        make=lines("raw_rows: {type: null}", path="conf/own_data/catalog_more.yml"),
    ),
    BadInput(
        "a dataset of an unknown type",
        "raw_rows.*catalog",
        make=lines("raw_rows: {type: no.Such}", path="conf/own_data/catalog_more.yml"),
    ),
    BadInput(
        "a wrong name in mlflow.yml", r"mlflow\.yml.*servr", make=lines("servr: {}", path="conf/own_data/mlflow.yml")
    ),
]

AT_THE_DOOR = [*NUMBERS, *NAMES, *YAML]
AS_COMMANDS_TOO = ("a key twice", "an interpolation to nothing", "a secret of the environment", "infinity")
COMMANDS = [*OPTIONS, *(row for row in YAML if row.name in AS_COMMANDS_TOO), *OTHER_FILES]
