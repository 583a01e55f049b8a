//! What every case is given: the server, the kit's own model and outside world, unique names.

use crate::answer::{Answer, text};
use crate::case::{Case, Outcome, Stop, failed, skipped};
use crate::cases::CASES;
use crate::client::Client;
use crate::stand::{Play, Stand, Turn};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// How long a case waits for something that should happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long one look at a run waits for its end, milliseconds.
const LOOK_MS: u64 = 2_000;
/// The pause between two looks at something that has not changed.
const PAUSE: Duration = Duration::from_millis(15);
/// How long a restart command may take.
const RESTART_MAX: Duration = Duration::from_secs(90);

/// What is run, against what.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's base URL.
    pub url: String,
    /// The API key the cases call with; a server on this machine may need none.
    pub key: Option<String>,
    /// A key of another tenant, for what one tenant must not see of another.
    pub other_key: Option<String>,
    /// Another server of the contract, and a key of the same tenant there: for what moves between two.
    pub second: Option<Second>,
    /// A shell command that restarts the server and returns once it is up again.
    pub restart: Option<String>,
    /// Only these requirements or cases, by id or name; all of them when empty.
    pub only: Vec<String>,
    /// Where the kit's own model listens; the server must reach it there. Port 0 picks a free one.
    pub listen: SocketAddr,
}

/// Another server, with the same tenant.
#[derive(Debug, Clone)]
pub struct Second {
    /// Its base URL.
    pub url: String,
    /// An API key of that tenant there.
    pub key: Option<String>,
}

/// Why nothing could be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unready(pub String);

impl std::fmt::Display for Unready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unready {}

impl Plan {
    /// The cases it chooses, in the order of the contract.
    ///
    /// # Errors
    /// [`Unready`] for a name that no case has, listing those there are.
    pub fn cases(&self) -> Result<Vec<&'static Case>, Unready> {
        let fits =
            |case: &Case, name: &String| case.id.eq_ignore_ascii_case(name) || case.name == name;
        for name in &self.only {
            if !CASES.iter().any(|group| group.iter().any(|case| fits(case, name))) {
                let mut known: Vec<&str> =
                    CASES.iter().flat_map(|group| group.iter()).map(|case| case.id).collect();
                known.dedup();
                let told = format!(
                    "no case `{name}`; expected a case's name or one of {}",
                    known.join(", ")
                );
                return Err(Unready(told));
            }
        }
        let all = CASES.iter().flat_map(|group| group.iter());
        Ok(all
            .filter(|case| self.only.is_empty() || self.only.iter().any(|name| fits(case, name)))
            .collect())
    }
}

/// What every case is given.
pub(crate) struct Kit {
    pub client: Client,
    /// A caller of another tenant.
    pub other: Option<Client>,
    second: Option<Client>,
    stand: Stand,
    restart: Option<String>,
    mark: String,
    count: AtomicU64,
    reached: OnceCell<Result<(), String>>,
}

impl Kit {
    pub async fn begin(plan: Plan) -> Result<Self, Unready> {
        let client = Client::new(&plan.url, plan.key)
            .map_err(|error| Unready(format!("no HTTP client can be made: {error}")))?;
        let up = client.get("/v1/sessions?limit=1").await;
        if let Err(Stop::Failed(why) | Stop::Skipped(why)) = up.and_then(|answer| answer.ok(200)) {
            return Err(Unready(format!("`{}` cannot be tried: {why}", plan.url)));
        }
        let stand = Stand::open(plan.listen).await.map_err(|error| {
            Unready(format!("the kit cannot listen on `{}`: {error}", plan.listen))
        })?;
        let other = plan.other_key.map(|key| client.as_key(Some(&key)));
        let second = match plan.second {
            None => None,
            Some(Second { url, key }) => Some(Client::new(&url, key).map_err(|error| {
                Unready(format!("no HTTP client of the second server can be made: {error}"))
            })?),
        };
        let mark = format!("{:016x}", rand::random::<u64>());
        Ok(Self {
            client,
            other,
            second,
            stand,
            restart: plan.restart,
            mark,
            count: AtomicU64::new(0),
            reached: OnceCell::new(),
        })
    }

    /// A name nobody else has.
    pub fn name(&self, what: &str) -> String {
        format!("kit-{what}-{}-{}", self.mark, self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// A new session.
    pub async fn session(&self, body: Value) -> Outcome<Value> {
        self.client.post("/v1/sessions", &body).await?.ok(201)
    }

    /// The id of a new session with nothing special about it.
    pub async fn plain_session(&self) -> Outcome<String> {
        Ok(text(&self.session(json!({})).await?, "sessionId")?.to_owned())
    }

    /// An agent whose model says these turns, with the tools of the stand. Skips the case if the
    /// server cannot reach the kit's model.
    pub async fn agent(&self, turns: Vec<Turn>) -> Outcome<Actor> {
        self.agent_with(turns, json!({})).await
    }

    /// The same, with other fields in its definition.
    pub async fn agent_with(&self, turns: Vec<Turn>, fields: Value) -> Outcome<Actor> {
        let reached = self.reached.get_or_init(|| self.reach()).await;
        match reached {
            Ok(()) => self.register(turns, fields).await,
            Err(why) => skipped(why),
        }
    }

    async fn register(&self, turns: Vec<Turn>, fields: Value) -> Outcome<Actor> {
        let play = self.stand.play(turns);
        let name = self.name("agent");
        let definition = self.definition(&name, &play, &fields);
        let answer = self.client.post("/v1/agents", &json!({ "definition": definition })).await?;
        if answer.status == 403 {
            return skipped(format!("this key may not register agents: {}", answer.shown()));
        }
        answer.ok(201)?;
        Ok(Actor { name, play })
    }

    /// An agent's definition: the kit's model, and three tools that tell the kit what they did.
    pub fn definition(&self, name: &str, play: &Play, fields: &Value) -> Value {
        let tool = |name: &str, class: &str| {
            json!({
                "use": "http_action", "name": name, "class": class, "timeout_ms": 20_000,
                "description": "Tells the conformance kit.",
                "parameters": { "type": "object", "required": ["what"], "properties": { "what": { "type": "string" } } },
                "http": { "method": "POST", "url": play.effect_url(name) },
            })
        };
        let mut guarded = tool("guarded", "idempotent");
        guarded["confirm"] = json!({ "risk": "high" });
        let mut definition = json!({
            "name": name, "instructions": "Do as the kit says.", "max_steps": 12, "memory": false,
            "model": { "adapter": "openai", "name": "kit", "base_url": play.model_url() },
            "tools": [tool("effect", "idempotent"), tool("once", "once"), guarded],
            "approvers": ["user:*", "service:*", "agent:*", "worker:*"],
        });
        for (field, value) in fields.as_object().into_iter().flatten() {
            definition[field.as_str()] = value.clone();
        }
        definition
    }

    /// Whether the server reaches the kit's model, tried once with a run that says one word.
    async fn reach(&self) -> Result<(), String> {
        let tried = async {
            let actor = self.register(vec![Turn::say("here")], json!({})).await?;
            let run = self.start(&actor, json!({})).await?;
            let ended = self.ended(&run).await?;
            let reached = actor.play.turns_asked() > 0;
            Ok::<_, Stop>((reached, ended))
        };
        match tried.await {
            // a run that went wrong although the model was asked is for the cases to judge
            Ok((true, _)) => Ok(()),
            Ok((false, run)) => Err(format!(
                "the server does not reach the kit's own model at `{}` ({}); give the kit an address it can reach with --listen",
                self.stand.address(),
                run["error"]
            )),
            Err(Stop::Failed(why) | Stop::Skipped(why)) => {
                Err(format!("no agent can be run: {why}"))
            }
        }
    }

    /// Submits a task for an agent; the fields are added to the request.
    pub async fn submit(&self, actor: &Actor, fields: Value) -> Outcome<Answer> {
        self.client.post("/v1/runs", &self.request(actor, &fields)).await
    }

    /// The body of that request.
    pub fn request(&self, actor: &Actor, fields: &Value) -> Value {
        let mut request = json!({ "agent": { "name": actor.name, "task": actor.play.task() } });
        for (field, value) in fields.as_object().into_iter().flatten() {
            request[field.as_str()] = value.clone();
        }
        request
    }

    /// The same, for a run that must be accepted.
    pub async fn start(&self, actor: &Actor, fields: Value) -> Outcome<Started> {
        Started::read(&self.submit(actor, fields).await?.ok(202)?)
    }

    /// A run of that agent in a session that outlives it.
    pub async fn start_in(&self, actor: &Actor, session: &str) -> Outcome<Started> {
        self.start(actor, json!({ "sessionId": session })).await
    }

    pub async fn run(&self, run: &str) -> Outcome<Value> {
        self.client.get(&format!("/v1/runs/{run}")).await?.ok(200)
    }

    /// The run once it has ended.
    pub async fn ended(&self, started: &Started) -> Outcome<Value> {
        self.until(started, &["completed", "failed", "cancelled"]).await
    }

    /// The run once it stands so.
    pub async fn until(&self, started: &Started, statuses: &[&str]) -> Outcome<Value> {
        let begun = Instant::now();
        loop {
            let path = format!("/v1/runs/{}?waitMs={LOOK_MS}", started.run);
            let run = self.client.get(&path).await?.ok(200)?;
            let status = text(&run, "status")?;
            if statuses.contains(&status) {
                return Ok(run);
            }
            let is_over = ["completed", "failed", "cancelled"].contains(&status);
            if is_over || begun.elapsed() > PATIENCE {
                let told = statuses.join(" or ");
                return failed(format!(
                    "the run is `{status}` after {} ms; expected {told}: {run}",
                    begun.elapsed().as_millis()
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The open approvals of a session, once there are so many.
    pub async fn approvals(&self, session: &str, many: usize) -> Outcome<Vec<Value>> {
        let path = format!("/v1/approvals?session={session}&open=true");
        self.eventually(&format!("{many} open approvals at `{path}`"), async || {
            let page = self.client.get(&path).await?.ok(200)?;
            let open = crate::answer::items(&page)?.clone();
            Ok((open.len() == many).then_some(open))
        })
        .await
    }

    /// The one approval a run waits for.
    pub async fn approval(&self, started: &Started) -> Outcome<String> {
        self.until(started, &["waiting-approval"]).await?;
        let open = self.approvals(&started.session, 1).await?;
        Ok(text(&open[0], "approvalId")?.to_owned())
    }

    pub async fn decide(&self, approval: &str, body: &Value) -> Outcome<Answer> {
        self.client.post(&format!("/v1/approvals/{approval}/decision"), body).await
    }

    /// Every entry of a session, as the server lists them.
    pub async fn entries(&self, session: &str) -> Outcome<Vec<Value>> {
        let mut entries = Vec::new();
        let mut from = "1".to_owned();
        loop {
            let path = format!("/v1/sessions/{session}/entries?limit=200&from={from}");
            let page = self.client.get(&path).await?.ok(200)?;
            entries.extend(crate::answer::items(&page)?.iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut from),
                None => return Ok(entries),
            }
        }
    }

    /// Looks until it is there, within the kit's patience.
    pub async fn eventually<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Outcome<Option<T>>,
    ) -> Outcome<T> {
        let begun = Instant::now();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                return failed(format!("no {what} within {} s", PATIENCE.as_secs()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Skips the case unless there is a restart command.
    pub fn restartable(&self) -> Outcome {
        match self.restart {
            Some(_) => Ok(()),
            None => skipped("no --restart-cmd was given"),
        }
    }

    /// Runs the restart command to its end.
    pub async fn restart(&self) -> Outcome {
        self.restartable()?;
        let shell = Command::new("sh")
            .arg("-c")
            .arg(self.restart.as_deref().unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        match tokio::time::timeout(RESTART_MAX, shell).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => failed(format!("the restart command ended with {status}")),
            Ok(Err(error)) => failed(format!("the restart command cannot be run: {error}")),
            Err(_) => {
                failed(format!("the restart command took longer than {} s", RESTART_MAX.as_secs()))
            }
        }
    }

    /// The second server, or the case is skipped.
    pub fn second(&self) -> Outcome<&Client> {
        self.second.as_ref().ok_or_else(|| Stop::Skipped("no --second-url was given".to_owned()))
    }

    /// A caller of another tenant, or the case is skipped.
    pub fn stranger(&self) -> Outcome<&Client> {
        self.other.as_ref().ok_or_else(|| Stop::Skipped("no --other-key was given".to_owned()))
    }
}

/// An agent of the kit, and what its model says.
pub(crate) struct Actor {
    pub name: String,
    pub play: Play,
}

/// A run that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    pub run: String,
    pub session: String,
}

impl Started {
    /// From the answer to a submission.
    pub fn read(accepted: &Value) -> Outcome<Self> {
        let run = text(accepted, "runId")?.to_owned();
        Ok(Self { run, session: text(accepted, "sessionId")?.to_owned() })
    }
}
