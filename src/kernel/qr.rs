//! QR codes as SVG.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use crate::error::{Error, Result};

/// A QR code that is about to be drawn.
#[derive(Clone)]
pub struct Qr(QrCode);

impl Qr {
    /// The code of a text.
    ///
    /// # Errors
    /// `internal` for a text that is too long for a QR code.
    pub fn of(text: &str) -> Result<Self> {
        QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).map(Self).map_err(Error::internal)
    }

    /// The number of modules of a side, with the quiet zone of four modules that readers need.
    fn modules(&self) -> usize {
        self.0.width() + 8
    }

    /// The dark modules as the data of one path, within [`Self::modules`].
    fn path(&self) -> String {
        let (width, mut path) = (self.0.width(), String::new());
        for (at, _) in self.0.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + 4, at / width + 4);
        }
        path
    }

    /// As a part of an SVG: a square at a place.
    pub fn at(&self, x: u32, y: u32, side: u32) -> String {
        format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" viewBox=\"0 0 {modules} {modules}\" shape-rendering=\"crispEdges\" role=\"img\"><path d=\"{}\"/></svg>",
            self.path(),
            modules = self.modules()
        )
    }

    /// As a picture of a page: dark on white in either color scheme. `label` says what it is.
    pub fn picture(&self, side: u32, label: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{side}\" height=\"{side}\" viewBox=\"0 0 {modules} {modules}\" shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"{}\"><rect width=\"{modules}\" height=\"{modules}\" fill=\"#fff\"/><path d=\"{}\" fill=\"#000\"/></svg>",
            minijinja::HtmlEscape(label),
            self.path(),
            modules = self.modules()
        )
    }
}
