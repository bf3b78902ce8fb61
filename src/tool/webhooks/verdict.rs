//! What comes of an attempt.

use std::time::Duration;

use http::StatusCode;

use crate::base::outbound::Answered;

/// The longest that `Retry-After` is believed.
const MOST_ASKED: Duration = Duration::from_secs(86_400);

/// What comes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Delivered,
    /// There is another attempt after so long.
    Again(Duration),
    /// It was the last attempt.
    Failed,
    /// The receiver wants nothing any more.
    Gone,
}

impl Verdict {
    /// Of an attempt that came to `result`, an answer or a problem, after `tries` of the schedule `retry_s` that have failed. `draw`
    /// gives a number below its argument.
    pub fn of(
        result: &Result<Answered, String>,
        tries: usize,
        retry_s: &[u32],
        draw: impl FnOnce(u64) -> u64,
    ) -> Self {
        let asked = match result {
            Ok(answered) if answered.status.is_success() => return Self::Delivered,
            Ok(answered) if answered.status == StatusCode::GONE => return Self::Gone,
            Ok(answered) => answered.retry_after,
            Err(_) => None,
        };
        let Some(wait) = retry_s.get(tries) else {
            return Self::Failed;
        };
        // Receivers that failed together are not asked again together.
        let wait = u64::from(*wait) * 1000;
        let wait = Duration::from_millis(wait + draw(wait / 10 + 1));
        Self::Again(wait.max(asked.unwrap_or_default().min(MOST_ASKED)))
    }

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Again(_) => "retry",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

/// Why an attempt failed, for the log: nothing that the receiver sent but its status.
pub fn problem(result: &Result<Answered, String>) -> Option<String> {
    match result {
        Ok(answered) if answered.status.is_success() => None,
        Ok(answered) if answered.status.is_redirection() => {
            let problem =
                "the receiver redirects, which is not followed: set the url to where it leads";
            Some(problem.to_owned())
        }
        Ok(answered) => Some(format!("the receiver answers {}", answered.status.as_u16())),
        Err(problem) => Some(problem.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: [u32; 2] = [5, 300];

    fn answered(status: u16, retry_after: Option<u64>) -> Answered {
        Answered {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn of(result: &Result<Answered, String>, tries: usize) -> Verdict {
        Verdict::of(result, tries, &SCHEDULE, |_| 0)
    }

    fn again(s: u64) -> Verdict {
        Verdict::Again(Duration::from_secs(s))
    }

    #[test]
    fn what_fails_comes_again_by_the_schedule_and_then_no_more() {
        let refused = Err("nobody is there".to_owned());
        assert_eq!(of(&refused, 0), again(5));
        assert_eq!(of(&refused, 1), again(300));
        assert_eq!(of(&refused, 2), Verdict::Failed);
        assert_eq!(of(&Ok(answered(500, None)), 1), again(300));
        assert_eq!(of(&Ok(answered(302, None)), 0), again(5));
        assert_eq!(of(&Ok(answered(204, None)), 0), Verdict::Delivered);
        assert_eq!(of(&Ok(answered(410, None)), 0), Verdict::Gone);
        let late = Verdict::of(&refused, 1, &SCHEDULE, |below| below - 1);
        assert_eq!(late, again(330));
    }

    #[test]
    fn a_receiver_may_ask_for_later_but_not_for_sooner_or_never() {
        assert_eq!(of(&Ok(answered(429, Some(60))), 0), again(60));
        assert_eq!(of(&Ok(answered(429, Some(60))), 1), again(300));
        assert_eq!(of(&Ok(answered(503, Some(u64::MAX))), 0), again(86_400));
    }

    #[test]
    fn problems_say_what_to_do_and_nothing_of_the_answer() {
        assert_eq!(problem(&Ok(answered(200, None))), None);
        assert_eq!(
            problem(&Ok(answered(500, None))).unwrap(),
            "the receiver answers 500"
        );
        assert!(
            problem(&Ok(answered(307, None)))
                .unwrap()
                .contains("set the url")
        );
    }
}
