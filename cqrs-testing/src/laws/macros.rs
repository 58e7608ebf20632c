//! The macro that declares a test for each law.

/// Declares a test for each law of an aggregate, a view or a reactor. See [`laws`](mod@crate::laws).
#[macro_export]
macro_rules! laws {
    (mod $name:ident { $($laws:tt)+ }) => {
        mod $name {
            use super::*;
            $crate::laws! { $($laws)+ }
        }
    };
    (view $view:ident $(($($argument:tt)*))? over topics [$($stream:expr),+ $(,)?] $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            {
                $crate::laws::ViewLaws::new(|| $view $(($($argument)*))?, ::std::vec![$($crate::laws::Stream::from($stream)),+])
                    .written(::core::stringify!($view $(($($argument)*))?))
            }
            [
                a_view_never_panics()
                batches_make_no_difference_to_a_view()
                a_rebuilt_view_is_the_same()
                the_order_between_streams_makes_no_difference()
            ]
            $($($options)*)?
        }
    };
    (view $view:ident $(($($argument:tt)*))? over [$($stream:expr),+ $(,)?] $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            {
                $crate::laws::ViewLaws::new(|| $view $(($($argument)*))?, ::std::vec![$($crate::laws::Stream::from($stream)),+])
                    .written(::core::stringify!($view $(($($argument)*))?))
            }
            [
                a_view_never_panics()
                batches_make_no_difference_to_a_view()
                a_rebuilt_view_is_the_same()
            ]
            $($($options)*)?
        }
    };
    (reactor $reactor:ident $(($($argument:tt)*))? over [$($stream:expr),+ $(,)?] $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            {
                $crate::laws::ReactorLaws::new(|| $reactor $(($($argument)*))?, ::std::vec![$($crate::laws::Stream::from($stream)),+])
                    .written(::core::stringify!($reactor $(($($argument)*))?))
            }
            [
                a_reactor_never_panics()
                the_same_event_has_the_same_commands()
                earlier_events_make_no_difference_to_a_reactor()
            ]
            $($($options)*)?
        }
    };
    // Each option becomes a setting or one more test.
    (@options { $laws:expr } [$($tests:tt)*]) => {
        $crate::laws! { @tests { $laws } $($tests)* }
    };
    (@options { $laws:expr } [$($tests:tt)*] config = $config:expr $(, $($options:tt)*)?) => {
        $crate::laws! { @options { $laws.config($config) } [$($tests)*] $($($options)*)? }
    };
    (@options { $laws:expr } [$($tests:tt)*] longest = $steps:expr $(, $($options:tt)*)?) => {
        $crate::laws! { @options { $laws.longest($steps) } [$($tests)*] $($($options)*)? }
    };
    (@options { $laws:expr } [$($tests:tt)*] pauses = $pauses:expr $(, $($options:tt)*)?) => {
        $crate::laws! { @options { $laws.pauses($pauses) } [$($tests)*] $($($options)*)? }
    };
    (@options { $laws:expr } [$($tests:tt)*] duplicates $(, $($options:tt)*)?) => {
        $crate::laws! { @options { $laws } [$($tests)* duplicates_make_no_difference()] $($($options)*)? }
    };
    (@options { $laws:expr } [$($tests:tt)*] repeats = $repeats:expr $(, $($options:tt)*)?) => {
        $crate::laws! { @options { $laws } [$($tests)* a_repeated_command_adds_nothing($repeats)] $($($options)*)? }
    };
    (@options { $laws:expr } [$($tests:tt)*] repeats $(, $($options:tt)*)?) => {
        $crate::laws! { @options { $laws } [$($tests)* a_repeated_command_adds_nothing(|_| true)] $($($options)*)? }
    };
    (@options { $laws:expr } [$($tests:tt)*] old = [$($old:expr),+ $(,)?] $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            { $laws }
            [$($tests)* old_events_stay_readable(::std::vec![$($crate::laws::OldEvents::from($old)),+])]
            $($($options)*)?
        }
    };
    (@options { $laws:expr } [$($tests:tt)*] catalogue = $file:expr $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            { $laws }
            [
                $($tests)*
                events_in_the_catalogue_stay_readable(&::std::path::Path::new(::core::env!("CARGO_MANIFEST_DIR")).join($file))
            ]
            $($($options)*)?
        }
    };
    (@tests { $laws:expr } $($test:ident($($argument:expr)?))+) => {
        $(
            #[test]
            fn $test() {
                $laws.source_file(::core::file!()).$test($($argument)?);
            }
        )+
    };
    ($aggregate:ty: commands = $commands:expr, without snapshots $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            { $crate::laws::AggregateLaws::<$aggregate>::new($commands) }
            [
                handle_and_apply_never_panic()
                a_decision_is_the_same_twice()
                a_replay_is_deterministic()
                events_survive_encoding()
            ]
            $($($options)*)?
        }
    };
    ($aggregate:ty: commands = $commands:expr $(, $($options:tt)*)?) => {
        $crate::laws! { @options
            { $crate::laws::AggregateLaws::<$aggregate>::new($commands) }
            [
                handle_and_apply_never_panic()
                a_decision_is_the_same_twice()
                a_replay_is_deterministic()
                a_snapshot_at_any_cut_is_transparent()
                events_survive_encoding()
            ]
            $($($options)*)?
        }
    };
}
