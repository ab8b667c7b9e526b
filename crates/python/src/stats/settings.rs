//! The constants of `gregaria.stats`, read when they are used because locustfiles change them.

use pyo3::prelude::*;

/// The present value of a constant.
pub fn setting<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("gregaria.stats")?.getattr(name)
}

/// Widths of the console's first columns.
pub fn layout(py: Python<'_>) -> PyResult<gregaria_sinks::Layout> {
    Ok(gregaria_sinks::Layout {
        type_width: setting(py, "STATS_TYPE_WIDTH")?.extract()?,
        name_width: setting(py, "STATS_NAME_WIDTH")?.extract()?,
    })
}
