use axum::http::StatusCode;

/// Why a batch is not read, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFault {
    /// The files are not in the form of `multipart/form-data`.
    Multipart,
    /// A line does not ask for the file of a licence.
    Line,
    /// Nothing more came for a long time.
    Stalled,
    /// The connection broke before the end of the body.
    BrokenOff,
    /// The longest time for a batch is over.
    TooLong,
}

impl BatchFault {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Multipart,
        Self::Line,
        Self::Stalled,
        Self::BrokenOff,
        Self::TooLong,
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Multipart => "MULTIPART_MALFORMED",
            Self::Line => "BATCH_LINE_MALFORMED",
            Self::Stalled => "BATCH_STALLED",
            Self::BrokenOff => "BATCH_BROKEN_OFF",
            Self::TooLong => "BATCH_TIMEOUT",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Multipart | Self::Line | Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
